"""regbench in a race: `train_network` itself, as a worker calls it; each epoch is a turn."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from benchmarks.race import ROOT
from benchmarks.worker import Turns
from regbench.augmentation.reading import read_copies, read_whitening
from regbench.config.checking import load_params
from regbench.config.variants import Variant
from regbench.data.dataset import load_shape
from regbench.engine.experiment_spec import training_spec
from regbench.engine.spec import TrainingSpec
from regbench.engine.training_run import TrainingData, train_network
from regbench.runtime.arithmetic import prepare
from regbench.runtime.device import resolve_hardware
from regbench.training.examples import Examples
from regbench.training.history import EpochRecord


def load_arrays(folder: Path, recipe: str) -> TrainingData:
    """Return the benchmark's arrays as the pipeline would have them."""
    whitening, copies = read_whitening(folder / recipe), read_copies(folder / recipe)

    def examples(name: str) -> Examples:
        pixels = np.load(folder / f"{name}_pixels.npy", mmap_mode="c")
        return Examples(pixels[np.newaxis], torch.from_numpy(np.load(folder / f"{name}_labels.npy")), whitening)

    train = examples("train")
    augmented = train if copies is None else Examples(copies, train.labels, whitening)
    validation = examples("validation")
    sample = train.chosen(np.arange(len(validation)))
    return TrainingData(load_shape(folder / "data" / "dataset.json"), train, augmented, validation, sample)


def make_spec(strengths: dict[str, float], recipe: str, epochs: int, precision: str) -> TrainingSpec:
    """Return the project's parameters with these strengths as a spec; it names no data, since nothing is stored."""
    params = load_params(ROOT / "params.yaml")
    params = params.model_copy(
        update={
            "variants": {"this": Variant.model_validate({"recipe": recipe, **strengths})},
            "train": params.train.model_copy(update={"epochs": epochs}),
            "compute": params.compute.model_copy(update={"device": "cpu", "precision": precision}),
        }
    )
    # A precision that the command line names is none to be measured: no file is needed.
    return training_spec(params, "this", resolve_hardware(params.compute, Path()), "", "")


def main() -> None:
    """Train one seed; the harness starts as many of these as the project would run at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("recipe")
    parser.add_argument("strengths", type=json.loads)
    parser.add_argument("precision")
    parser.add_argument("number", type=int)
    given = parser.parse_args()
    turns = Turns()
    spec = make_spec(given.strengths, given.recipe, 1000, given.precision)
    prepare(spec.hardware)
    data = load_arrays(given.folder, given.recipe)

    def on_epoch(record: EpochRecord) -> None:
        turns.done(record.validation_accuracy)

    turns.ready()
    train_network(spec, data, 128 + given.number, on_epoch)


if __name__ == "__main__":
    main()
