"""All runs of a variant: one training a seed, in parallel processes, and the files each leaves."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from regbench.augmentation.folder import read_copies, read_whitening
from regbench.augmentation.zca import Whitening
from regbench.config.experiment import Experiment
from regbench.data.dataset import INDEX, DataShape, Split, load_shape, load_split
from regbench.engine.live import shown
from regbench.engine.workers import Workers
from regbench.errors import DivergedError, InputError
from regbench.files import write_csv, write_json
from regbench.networks.model_files import save_model
from regbench.networks.perceptron import Architecture, Perceptron
from regbench.runtime.device import device, prepare
from regbench.runtime.machine import peak_megabytes, processor, software
from regbench.training.epoch import run_epoch
from regbench.training.examples import Examples, in_order
from regbench.training.fit import EpochRecord, FitResult, fit
from regbench.training.sparsity import compressed_bytes, dead_units, zero_weights


@dataclass(frozen=True)
class Material:
    """What the runs of a variant learn from and are watched on."""

    shape: DataShape
    train: Examples
    """Unchanged."""
    learnt: Examples
    """The same, or augmented copies of it."""
    validation: Examples

    @property
    def whitening(self) -> Whitening | None:
        """The recipe's whitening."""
        return self.train.whitening


def load_material(data: Path, recipe: Path) -> Material:
    """Memory-map the train and validation splits and the recipe's copies.

    Raises:
        InputError: a split has no images.
    """
    shape = load_shape(data / "dataset.json")
    whitening, copies = read_whitening(recipe), read_copies(recipe)
    splits = {name: load_split(data, name) for name in ("train", "validation")}
    for name, split in splits.items():
        if not len(split.labels):
            table = data / name / INDEX
            raise InputError(f"{table}: has no images, it needs at least one: change data.split or add data")
    train = _examples(splits["train"], whitening)
    learnt = train if copies is None else Examples(copies, train.labels, whitening)
    return Material(shape, train, learnt, _examples(splits["validation"], whitening))


def train_variant(
    params: Experiment, variant: str, material: Material, out: Path, timings: Path, live: Path | None = None
) -> None:
    """Train a variant under every seed and write each run's folder into `out`, and the seconds into `timings`.

    `live` is a folder for files that show each running training, see `training.live`.

    Raises:
        DivergedError: a loss is no longer finite; names the variant and the seed.
        InputError: the variant still has ranges.
    """
    work = partial(train_seed, params, variant, material, out, live=live)
    with Workers(params.compute, work, len(params.seeds)) as workers:
        results = [future.result() for future in [workers.submit(seed) for seed in params.seeds]]
    # Seconds say little without the machine; results must not depend on its name, so it stands here.
    machine = {"processor": processor(), "software": software()}
    rows = [
        {"seed": seed, "epoch": epoch, "wall_seconds": wall, "cpu_seconds": cpu, "peak_megabytes": peak, **machine}
        for seed, epochs in zip(params.seeds, results, strict=True)
        for epoch, (wall, cpu, peak) in enumerate(epochs)
    ]
    write_csv(timings, pd.DataFrame(rows))


def train_seed(
    params: Experiment, variant: str, material: Material, out: Path, seed: int, live: Path | None = None
) -> list[tuple[float, float, float]]:
    """Train one run and write its folder `out/seed-SEED`.

    Returns an epoch's wall seconds, CPU seconds, and the most megabytes (10^6 bytes) that the process has held so far.
    """
    prepare(params.compute)
    epochs = params.training(variant).epochs
    peaks: list[float] = []
    with (
        tqdm(total=epochs, desc=f"{variant}, seed {seed}", unit="epoch", leave=False, disable=None) as bar,
        shown(live, variant, seed, epochs) as show,
    ):
        try:
            model, result = train_model(params, variant, material, seed, _progress(bar, show, peaks))
        except DivergedError as error:
            raise DivergedError(f"variants.{variant}, {error}") from None
    folder = out / f"seed-{seed}"
    save_model(folder, model)
    write_csv(folder / "history.csv", pd.DataFrame([asdict(record) for record in result.history]))
    sparsity = {
        "zero_weights": zero_weights(model),
        "dead_units": dead_units(model),
        "compressed_bytes": compressed_bytes(folder / "model.safetensors"),
    }
    write_json(folder / "result.json", _summary(variant, seed, model, result, material) | sparsity)
    return [(*seconds, peak) for seconds, peak in zip(result.seconds, peaks, strict=True)]


def train_model(
    params: Experiment,
    variant: str,
    material: Material,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
) -> tuple[Perceptron, FitResult]:
    """Train one network of a variant and return it with its best epoch's weights; what a run and a trial share.

    Raises:
        DivergedError: the loss is no longer finite.
        InputError: the variant still has ranges.
    """
    model = build_model(params, variant, material, seed)
    result = fit(
        model,
        material.learnt,
        material.train.first(len(material.validation)),
        material.validation,
        params.training(variant),
        params.strengths(variant),
        seed,
        on_epoch,
        params.compute.precision,
    )
    return model, result


def build_model(params: Experiment, variant: str, material: Material, seed: int) -> Perceptron:
    """Return the initialized network of a variant and seed, on its device."""
    strengths = params.strengths(variant)
    architecture = Architecture(
        classes=material.shape.classes,
        channels=material.shape.channels,
        height=material.shape.height,
        width=material.shape.width,
        hidden=params.model.hidden,
        batch_norm=strengths.batch_norm,
        whitening=material.whitening is not None,
    )
    model = Perceptron(architecture, strengths.dropout, strengths.input_dropout)
    return model.initialize(seed).set_whitening(material.whitening).to(device(params.compute))


def _examples(split: Split, whitening: Whitening | None) -> Examples:
    return Examples(split.images[np.newaxis], torch.from_numpy(split.labels), whitening)


def _summary(variant: str, seed: int, model: Perceptron, result: FitResult, material: Material) -> dict[str, object]:
    rows, labels = material.train.rows(), material.train.labels
    train = run_epoch(model, rows, labels, in_order(len(labels)))
    best = result.history[result.best_epoch]
    return {
        "variant": variant,
        "seed": seed,
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "stopped_early": result.stopped_early,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        "validation_loss": best.validation_loss,
        "validation_accuracy": best.validation_accuracy,
    }


def _progress(
    bar: "tqdm[Any]", also: Callable[[EpochRecord], None], peaks: list[float]
) -> Callable[[EpochRecord], None]:
    def show(record: EpochRecord) -> None:
        also(record)
        peaks.append(peak_megabytes())
        bar.set_postfix_str(f"validation {100 * record.validation_accuracy:.2f} %", refresh=False)
        bar.update()

    return show
