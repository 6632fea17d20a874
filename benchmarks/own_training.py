"""regbench in a race: `fit` itself, as `runs.train_seed` calls it; each epoch is a turn."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from regbench.engine.runs import Material, build_model

from benchmarks.race import ROOT
from benchmarks.worker import Turns
from regbench.augmentation.reading import read_copies, read_whitening
from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.data.dataset import load_shape
from regbench.runtime.arithmetic import prepare
from regbench.training.examples import Examples
from regbench.training.fit import fit
from regbench.training.history import EpochRecord


def material(folder: Path, recipe: str) -> Material:
    """Return the benchmark's arrays as the pipeline would have them."""
    whitening, copies = read_whitening(folder / recipe), read_copies(folder / recipe)

    def examples(name: str) -> Examples:
        pixels = np.load(folder / f"{name}_pixels.npy", mmap_mode="r")
        return Examples(pixels[np.newaxis], torch.from_numpy(np.load(folder / f"{name}_labels.npy")), whitening)

    train = examples("train")
    learnt = train if copies is None else Examples(copies, train.labels, whitening)
    return Material(load_shape(folder / "data" / "dataset.json"), train, learnt, examples("validation"))


def settings(strengths: dict[str, float], recipe: str, epochs: int, precision: str) -> Params:
    """Return the project's parameters with one variant, `this`."""
    params = load_params(ROOT / "params.yaml")
    return params.model_copy(
        update={
            "variants": {"this": Variant.model_validate({"recipe": recipe, **strengths})},
            "train": params.train.model_copy(update={"epochs": epochs}),
            "compute": params.compute.model_copy(update={"device": "cpu", "precision": precision}),
        }
    )


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
    params = settings(given.strengths, given.recipe, 1000, given.precision)
    prepare(params.compute)
    data, seed = material(given.folder, given.recipe), 128 + given.number
    model = build_model(params, "this", data, seed)

    def on_epoch(record: EpochRecord) -> None:
        turns.done(record.validation_accuracy)

    turns.ready()
    strengths, sample = params.strengths("this"), data.train.first(len(data.validation))
    train, precision = params.training("this"), params.compute.precision
    fit(model, data.learnt, sample, data.validation, train, strengths, seed, on_epoch, precision)


if __name__ == "__main__":
    main()
