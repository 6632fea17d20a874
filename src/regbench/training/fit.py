"""One training: epochs, the best epoch, the history. Files, processes and tracking are elsewhere."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from torch import Tensor

from regbench.errors import DivergedError
from regbench.model import Perceptron
from regbench.params import Precision, Train, Variant
from regbench.randomness import generator
from regbench.recipes.whitening import scale
from regbench.regularization import BestEpoch, add_penalty_gradients_, penalty
from regbench.training.examples import Examples, batches, in_order
from regbench.training.optimizer import Adam, FlatParameters


@dataclass(frozen=True)
class Score:
    """Mean over examples."""

    loss: float
    """Cross-entropy, nats."""
    accuracy: float
    """Fraction."""


@dataclass(frozen=True)
class EpochRecord:
    """What is known after an epoch; the history is a list of these. Field names are the history's columns."""

    epoch: int
    """From 0."""
    train_loss: float
    """Running mean while learning, as Keras reports it: dropout and augmentation are on. Nats."""
    train_objective: float
    """`train_loss` plus `penalty`."""
    train_accuracy: float
    """Running mean while learning, fraction."""
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
    """L1 and L2 terms of the weights at the end of the epoch."""
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
        strengths: penalties and patience; dropout is part of the model.
        seed: key of all randomness.
        on_epoch: called after each epoch; what it raises ends the training.
        precision: of the matrix products while learning.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    parameters = FlatParameters.of(model, model.hidden_kernels)
    optimizer = Adam(parameters, settings)
    best = BestEpoch(
        "max" if settings.monitor == "validation_accuracy" else "min", strengths.patience, settings.min_delta
    )
    sample_rows, validation_rows = sample.rows(), validation.rows()
    history: list[EpochRecord] = []
    seconds: list[tuple[float, float]] = []
    best_weights: dict[str, Tensor] = {}

    def learn(loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]
        add_penalty_gradients_(model.hidden_kernels, strengths.l1, strengths.l2)
        optimizer.step()

    rows = train.rows()
    for epoch in range(settings.epochs):
        started = time.perf_counter(), time.process_time()
        rows = train.rows(epoch) if len(train.pixels) > 1 else rows
        model.key_dropout(generator(seed, "dropout", epoch))
        order = batches(len(train), settings.batch_size, generator(seed, "order", epoch))
        learning = run_epoch(model, rows, train.labels, order, learn, precision)
        seen = run_epoch(model, sample_rows, sample.labels, in_order(len(sample)))
        unseen = run_epoch(model, validation_rows, validation.labels, in_order(len(validation)))
        record = _record(epoch, learning, seen, unseen, parameters.kernels, strengths)
        if not np.isfinite([record.train_objective, record.validation_objective]).all():
            raise DivergedError(
                f"seed {seed}: the loss is {record.train_objective} after epoch {epoch}, it must stay finite: "
                f"lower train.learning_rate = {settings.learning_rate} or the variant's strengths"
            )
        history.append(record)
        if best.update(epoch, getattr(record, settings.monitor)):
            best_weights = {name: value.clone() for name, value in model.state_dict().items()}
        seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        on_epoch(record)
        if best.exhausted:
            break
    model.load_state_dict(best_weights)
    return FitResult(history, best.epoch, best.exhausted, seconds)


def run_epoch(
    model: Perceptron,
    rows: Tensor,
    labels: Tensor,
    order: Iterator[Tensor],
    learn: Callable[[Tensor], None] | None = None,
    precision: Precision = "float32",
) -> Score:
    """Go once through the batches of `order`, learning from each loss if `learn` is given; return mean scores.

    Means are weighted by batch size. An empty order gives NaN. `precision` is that of the matrix products.
    """
    device = model.mean.device
    losses = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    count = 0
    model.train(learn is not None)
    with torch.set_grad_enabled(learn is not None):
        for index in order:
            inputs, targets = rows.index_select(0, index).to(device), labels.index_select(0, index).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model.layers(inputs if inputs.is_floating_point() else scale(inputs)).float()
            loss = F.cross_entropy(logits, targets)
            if learn is not None:
                learn(loss)
            losses += loss.detach() * len(index)
            correct += (logits.detach().argmax(1) == targets).sum()
            count += len(index)
    return Score(float(losses) / count, int(correct) / count) if count else Score(float("nan"), float("nan"))


def _record(
    epoch: int, learning: Score, seen: Score, unseen: Score, kernels: Tensor, strengths: Variant
) -> EpochRecord:
    extra = penalty(kernels, strengths.l1, strengths.l2)
    return EpochRecord(
        epoch=epoch,
        train_loss=learning.loss,
        train_objective=learning.loss + extra,
        train_accuracy=learning.accuracy,
        sample_loss=seen.loss,
        sample_accuracy=seen.accuracy,
        validation_loss=unseen.loss,
        validation_objective=unseen.loss + extra,
        validation_accuracy=unseen.accuracy,
        gap=seen.accuracy - unseen.accuracy,
        penalty=extra,
        weight_norm=float(kernels.norm()),
    )
