"""One training: epochs, the best epoch, the history. Files, processes and tracking are elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from regbench.config.section import Precision
from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.errors import DivergedError
from regbench.networks.perceptron import Perceptron
from regbench.runtime.randomness import generator
from regbench.training.early_stopping import BestEpoch
from regbench.training.epoch import Score, run_epoch
from regbench.training.examples import Examples, batch_count, batches, in_order
from regbench.training.regularization import penalty
from regbench.training.step import TrainingStep


@dataclass(frozen=True)
class EpochRecord:
    """What is known after an epoch; the history is a list of these. Field names are the history's columns."""

    epoch: int
    """From 0."""
    train_loss: float
    """Running mean, while learning, of the loss that is lowered, as Keras reports it: dropout and augmentation are on,
    labels are smoothed or mixed where the variant says so, weights are not averaged. Nats."""
    train_objective: float
    """`train_loss` plus `penalty`."""
    train_accuracy: float
    """Running mean while learning, fraction; of mixed images, for the label with the larger part."""
    sample_loss: float
    """Of unchanged train images, as many as there are validation images, without dropout."""
    sample_accuracy: float
    validation_loss: float
    validation_objective: float
    """`validation_loss` plus `penalty`."""
    validation_accuracy: float
    gap: float
    """Generalization gap: `sample_accuracy - validation_accuracy`."""
    penalty: float
    """L1 and L2 terms of the weights at the end of the epoch (here and below: of their mean, with `averaging`)."""
    weight_norm: float
    """Euclidean norm of the hidden kernels."""


@dataclass(frozen=True)
class FitResult:
    """A finished training; the model holds the best epoch's weights."""

    history: list[EpochRecord]
    best_epoch: int
    stopped_early: bool
    seconds: list[tuple[float, float]]
    """Wall and CPU seconds of each epoch."""


def fit(
    model: Perceptron,
    train: Examples,
    sample: Examples,
    validation: Examples,
    settings: Train,
    strengths: Variant,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    precision: Precision = "float32",
) -> FitResult:
    """Train `model` in place and leave it with the weights of its best epoch on validation.

    Batch order and dropout masks are keyed by `seed` and epoch alone, so that variants are paired.

    Args:
        model: initialized, on the device to train on.
        train: examples to learn from; epoch e takes copy e modulo the number of copies.
        sample: unchanged train examples; the gap is measured on them, not on what augmentation makes of them.
        validation: examples that decide the best epoch.
        settings: optimizer and schedule.
        strengths: what `TrainingStep` does, and patience; dropout is part of the model.
        seed: key of all randomness.
        on_epoch: called after each epoch; what it raises ends the training.
        precision: of the matrix products while learning.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    training = TrainingStep(model, settings, strengths, seed, batch_count(len(train), settings.batch_size))
    best = BestEpoch(
        "max" if settings.monitor == "validation_accuracy" else "min", strengths.patience, settings.min_delta
    )
    sample_rows, validation_rows = sample.rows(), validation.rows()
    history: list[EpochRecord] = []
    seconds: list[tuple[float, float]] = []
    best_weights: dict[str, Tensor] = {}
    rows = train.rows()
    for epoch in range(settings.epochs):
        started = time.perf_counter(), time.process_time()
        rows = train.rows(epoch) if len(train.pixels) > 1 else rows
        training.begin_epoch(epoch)
        order = batches(len(train), settings.batch_size, generator(seed, "order", epoch))
        learnt = run_epoch(model, rows, train.labels, order, training, precision)
        with training.evaluation_weights():
            seen = run_epoch(model, sample_rows, sample.labels, in_order(len(sample)))
            unseen = run_epoch(model, validation_rows, validation.labels, in_order(len(validation)))
            record = _record(epoch, learnt, seen, unseen, training.parameters.kernels, strengths)
            if best.update(epoch, getattr(record, settings.monitor)):
                best_weights = {name: value.clone() for name, value in model.state_dict().items()}
        _refuse_divergence(record, settings, seed)
        history.append(record)
        seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        on_epoch(record)
        if best.exhausted:
            break
    model.load_state_dict(best_weights)
    return FitResult(history, best.epoch, best.exhausted, seconds)


def _record(epoch: int, learnt: Score, seen: Score, unseen: Score, kernels: Tensor, strengths: Variant) -> EpochRecord:
    extra = penalty(kernels, strengths.l1, strengths.l2)
    return EpochRecord(
        epoch=epoch,
        train_loss=learnt.loss,
        train_objective=learnt.loss + extra,
        train_accuracy=learnt.accuracy,
        sample_loss=seen.loss,
        sample_accuracy=seen.accuracy,
        validation_loss=unseen.loss,
        validation_objective=unseen.loss + extra,
        validation_accuracy=unseen.accuracy,
        gap=seen.accuracy - unseen.accuracy,
        penalty=extra,
        weight_norm=float(kernels.norm()),
    )


def _refuse_divergence(record: EpochRecord, settings: Train, seed: int) -> None:
    if not np.isfinite([record.train_objective, record.validation_objective]).all():
        raise DivergedError(
            f"seed {seed}: the loss is {record.train_objective} after epoch {record.epoch}, it must stay finite: "
            f"lower train.learning_rate = {settings.learning_rate} or the variant's strengths"
        )
