"""One training: epochs, the best epoch, checkpoints. It writes no results and knows no tracking."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from regbench.config.section import Precision
from regbench.config.strengths import Strengths
from regbench.config.training import Train
from regbench.errors import DivergedError
from regbench.networks.classifier import Classifier
from regbench.runtime.randomness import generator
from regbench.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from regbench.training.early_stopping import BestEpoch
from regbench.training.epoch import run_epoch
from regbench.training.examples import Examples, batch_count, batches, in_order
from regbench.training.history import EpochRecord, record_epoch
from regbench.training.imbalance import class_weights, draw_rows
from regbench.training.step import TrainingStep


@dataclass(frozen=True)
class FitResult:
    """A finished training; the model holds the best epoch's weights."""

    history: list[EpochRecord]
    best_epoch: int
    stopped_early: bool
    seconds: list[tuple[float, float]]
    """Wall and CPU seconds of each epoch, without `on_epoch` and checkpoints; those of restored epochs included."""


def fit(
    model: Classifier,
    train: Examples,
    sample: Examples,
    validation: Examples,
    settings: Train,
    strengths: Strengths,
    seed: int,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    precision: Precision = "float32",
    *,
    rows: Tensor | None = None,
    image_weights: Tensor | None = None,
    checkpoint: Path | None = None,
    checkpoint_epochs: int = 0,
    on_resume: Callable[[list[EpochRecord]], None] = lambda records: None,
) -> FitResult:
    """Train `model` in place and leave it with the weights of its best epoch on validation.

    Sampling, batch order and dropout masks are keyed by `seed` and epoch alone, so that variants are paired. A
    training that continues from a checkpoint ends with the same bits as an undisturbed one.

    Args:
        model: initialized, on the device to train on.
        train: examples to learn from; epoch e takes copy e modulo the number of copies.
        sample: unchanged train examples; the gap is measured on them, not on what augmentation makes of them.
        validation: examples that decide the best epoch.
        settings: optimizer and schedule.
        strengths: what `TrainingStep` does, and patience; dropout is part of the model.
        seed: key of all randomness.
        on_epoch: called after each epoch that is trained here; what it raises ends the training.
        precision: of the matrix products while learning.
        rows: those of `train` that are learnt, (M,), int64; one that is there twice counts twice. None: all, once.
        image_weights: of each example of `train` in the loss, (N,), float32, with a mean of 1; None: all alike.
        checkpoint: file that the training continues from, if it is there and fits; else it starts from the beginning.
            Its name must be unique to this training: settings, strengths, seed, data and precision are not compared.
            The caller removes it.
        checkpoint_epochs: after every so many epochs, but the last, `checkpoint` is written; 0: never. It holds only
            epochs that `on_epoch` has returned from.
        on_resume: called once, before the first epoch, with the records restored from `checkpoint`, if any.

    Raises:
        DivergedError: the loss is no longer finite.
        StorageError: `checkpoint` cannot be written.
    """
    rows = torch.arange(len(train)) if rows is None else rows
    labels, steps = train.labels[rows], batch_count(len(rows), settings.batch_size)
    weights = class_weights(settings.class_weights, labels, len(model.classes))
    training = TrainingStep(model, settings, strengths, seed, steps, weights, image_weights)
    mode: Literal["max", "min"] = "max" if settings.monitor == "validation_accuracy" else "min"
    state = TrainingState(BestEpoch(mode, strengths.patience, settings.min_delta))
    if checkpoint and load_checkpoint(checkpoint, training, state):
        on_resume(list(state.history))
    sample_images, validation_images = sample.inputs(), validation.inputs()
    images = train.inputs()
    for epoch in range(len(state.history), settings.epochs):
        started = time.perf_counter(), time.process_time()
        images = train.inputs(epoch) if len(train.pixels) > 1 else images
        training.begin_epoch(epoch)
        drawn = rows[draw_rows(settings.sampling, labels, generator(seed, "sampling", epoch))]
        order = (drawn[part] for part in batches(len(drawn), settings.batch_size, generator(seed, "order", epoch)))
        learnt = run_epoch(model, images, train.labels, order, training, precision)
        with training.evaluation_weights():
            seen = run_epoch(model, sample_images, sample.labels, in_order(len(sample)))
            unseen = run_epoch(model, validation_images, validation.labels, in_order(len(validation)))
            record = record_epoch(epoch, learnt, seen, unseen, training.parameters.kernels, strengths)
            state.add(record, getattr(record, settings.monitor), model)
        _refuse_divergence(record, settings, seed)
        state.seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        on_epoch(record)
        if state.best.exhausted:
            break
        if checkpoint and _is_due(epoch + 1, checkpoint_epochs, settings.epochs):
            save_checkpoint(checkpoint, training, state)
    model.load_state_dict(state.best_weights)
    return FitResult(state.history, state.best.epoch, state.best.exhausted, state.seconds)


def _is_due(done: int, every: int, epochs: int) -> bool:
    """Return whether a checkpoint is written after `done` of `epochs` epochs."""
    return every > 0 and done % every == 0 and done < epochs


def _refuse_divergence(record: EpochRecord, settings: Train, seed: int) -> None:
    if not np.isfinite([record.train_objective, record.validation_objective]).all():
        raise DivergedError(
            f"seed {seed}: the loss is {record.train_objective} after epoch {record.epoch}, it must stay finite: "
            f"lower train.learning_rate = {settings.learning_rate} or the variant's strengths"
        )
