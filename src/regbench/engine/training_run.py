"""Run one training from a spec and a seed; holds only the code that determines its bits.

Where results go, how many processes there are and what is shown meanwhile is decided in other modules, so that editing
those trains nothing again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regbench.augmentation.reading import read_copies, read_whitening
from regbench.augmentation.zca import Whitening
from regbench.data.dataset import INDEX, DataShape, Split, load_shape, load_split, sample_rows
from regbench.engine.spec import TrainingSpec
from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import save_model
from regbench.networks.weights import load_weights
from regbench.runtime.arithmetic import prepare
from regbench.training.boosting import Round, weigh_images
from regbench.training.bootstrap import bootstrap_rows
from regbench.training.epoch import Score, compute_logits, run_epoch
from regbench.training.examples import Examples, in_order
from regbench.training.fit import FitResult, fit
from regbench.training.history import EpochRecord
from regbench.training.sparsity import describe_sparsity
from regbench.training.temperature import scale_temperature


@dataclass(frozen=True)
class TrainingData:
    """What the runs of a variant learn from and are watched on."""

    shape: DataShape
    train: Examples
    """Unchanged."""
    augmented: Examples
    """The same, or augmented copies of it: what the network learns from."""
    validation: Examples
    sample: Examples
    """As many of `train` as `validation` has, chosen by their hashes: the gap is measured on them."""

    @property
    def whitening(self) -> Whitening | None:
        """The fitted whitening, if the images are whitened."""
        return self.train.whitening


@lru_cache(maxsize=4)
def load_training_data(data: Path, augmentation: Path) -> TrainingData:
    """Memory-map the train and validation splits and the augmented copies, once per process.

    Raises:
        InputError: a split has no images.
    """
    shape = load_shape(data / "dataset.json")
    whitening, copies = read_whitening(augmentation), read_copies(augmentation)
    splits = {name: load_split(data, name) for name in ("train", "validation")}
    for name, split in splits.items():
        if not len(split.labels):
            table = data / name / INDEX
            raise InputError(f"{table}: has no images, it needs at least one: change data.split or add data")
    train = _examples(splits["train"], whitening)
    augmented = train if copies is None else Examples(copies, train.labels, whitening)
    validation = _examples(splits["validation"], whitening)
    sample = train.chosen(sample_rows(splits["train"].hashes, len(validation)))
    return TrainingData(shape, train, augmented, validation, sample)


def build_network(spec: TrainingSpec, data: TrainingData, seed: int) -> Classifier:
    """Return the network of a seed with its starting weights, on its device.

    Raises:
        InputError: the network cannot be built, or its starting weights do not fit.
    """
    model, strengths = spec.model, spec.strengths
    architecture = Architecture(
        classes=data.shape.classes,
        channels=data.shape.channels,
        height=data.shape.height,
        width=data.shape.width,
        batch_norm=strengths.batch_norm,
        whitening=data.whitening is not None,
        network=model.network,
        code=spec.own_code,
        **model.sizes,
    )
    network = Classifier(architecture, strengths.dropout, strengths.input_dropout, seed)
    if model.weights:
        load_weights(network, Path(model.weights), spec.weights)
    if model.frozen:
        network.freeze()
    return network.set_whitening(data.whitening).to(spec.hardware.device)


def train_network(
    spec: TrainingSpec,
    data: TrainingData,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    checkpoint: Path | None = None,
    checkpoint_epochs: int = 0,
    on_resume: Callable[[list[EpochRecord]], None] = lambda records: None,
    weights: NDArray[np.float64] | None = None,
) -> tuple[Classifier, FitResult]:
    """Train one network and return it with its best epoch's weights; arguments are as for `fit`.

    `weights` are those of the train images in a round of boosting, (N,), summing to 1; None: all alike.

    Raises:
        DivergedError: the loss is no longer finite.
        InputError: see `build_network`.
    """
    prepare(spec.hardware)
    network = build_network(spec, data, seed)
    result = fit(
        network,
        data.augmented,
        data.sample,
        data.validation,
        spec.train,
        spec.strengths,
        seed,
        on_epoch,
        spec.hardware.precision,
        rows=bootstrap_rows(len(data.train), seed) if spec.bootstrap else None,
        image_weights=None if weights is None else torch.from_numpy(len(weights) * weights).float(),
        checkpoint=checkpoint,
        checkpoint_epochs=checkpoint_epochs,
        on_resume=on_resume,
    )
    return network, result


def save_network(
    folder: Path, network: Classifier, result: FitResult, data: TrainingData, spec: TrainingSpec, seed: int
) -> dict[str, Any]:
    """Calibrate a trained network, write it to `folder` and return what `result.json` says of it; losses in nats."""
    best = result.history[result.best_epoch]
    temperature, validation_loss = 1.0, best.validation_loss
    if spec.train.calibration == "temperature":
        temperature = scale_temperature(network, data.validation)
        validation_loss = _score(network, data.validation).loss
    save_model(folder, network)
    train = _score(network, data.train)
    return {
        "seed": seed,
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "stopped_early": result.stopped_early,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        "validation_loss": validation_loss,
        "validation_accuracy": best.validation_accuracy,
        "temperature": temperature,
        **describe_sparsity(network, folder / "model.safetensors"),
    }


def end_round(network: Classifier, data: TrainingData, weights: NDArray[np.float64] | None, first: bool) -> Round:
    """Return what a round of boosting comes to, from its trained network; `weights` as for `train_network`."""
    labels = data.train.labels.numpy()
    wrong = compute_logits(network, data.train).numpy().argmax(1) != labels
    even = np.full(len(labels), 1 / len(labels))
    return weigh_images(wrong, even if weights is None else weights, len(data.shape.classes), first)


def _score(network: Classifier, examples: Examples) -> Score:
    return run_epoch(network, examples.inputs(), examples.labels, in_order(len(examples)))


def _examples(split: Split, whitening: Whitening | None) -> Examples:
    return Examples(split.images[np.newaxis], torch.from_numpy(split.labels), whitening)
