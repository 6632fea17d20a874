"""The training step: applies each enabled regularizer."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor

from regbench.config.strengths import Strengths
from regbench.config.training import Train
from regbench.networks.classifier import Classifier
from regbench.runtime.arithmetic import seed_torch
from regbench.runtime.randomness import generator
from regbench.training.averaging import Average
from regbench.training.imbalance import cross_entropy, weighted_cross_entropy
from regbench.training.optimizer import Adam, FlatParameters, rate_factor
from regbench.training.regularization import add_noise, add_penalty_gradients_, clip_norms_, mix_pairs

Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Inputs (N, ...) and targets of a batch to those that are learnt."""


class TrainingStep:
    """Trains a model batch by batch: transforms the inputs, computes the loss, updates and corrects the weights.

    Every random number is keyed by `seed` and the epoch, and drawn only where its strength is on.
    """

    def __init__(
        self,
        model: Classifier,
        settings: Train,
        strengths: Strengths,
        seed: int,
        epoch_steps: int,
        class_weights: Tensor | None = None,
        image_weights: Tensor | None = None,
    ) -> None:
        self.model, self.settings, self.strengths = model, settings, strengths
        device = model.mean.device
        self.class_weights = None if class_weights is None else class_weights.to(device)
        self.image_weights = None if image_weights is None else image_weights.to(device)
        self.seed, self.epoch_steps = seed, epoch_steps
        self.kernels = model.trained_kernels
        self.parameters = FlatParameters.of(model, self.kernels)
        self.optimizer = Adam(self.parameters, settings, strengths.weight_decay)
        self.average = Average(model.layers, self.parameters, strengths.averaging) if strengths.averaging else None
        self.changes: list[Change] = []
        self.subgradient = 0.0 if strengths.proximal else strengths.l1
        self.corrections = self._corrections()

    def begin_epoch(self, epoch: int) -> None:
        """Key the random numbers of an epoch."""
        strengths = self.strengths
        self.model.key_dropout(generator(self.seed, "dropout", epoch))
        seed_torch(generator(self.seed, "layers", epoch))
        noise, pairs = generator(self.seed, "noise", epoch), generator(self.seed, "mixup", epoch)
        changes: list[tuple[float, Change]] = [
            (strengths.mixup, lambda x, y: mix_pairs(x, y, len(self.model.classes), strengths.mixup, pairs)),
            (strengths.input_noise, lambda x, y: (add_noise(x, strengths.input_noise, noise), y)),
        ]
        self.changes = [change for strength, change in changes if strength]

    def transform_batch(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is learnt of a batch of float inputs (N, ...) and classes (N,), which may become parts (N, K)."""
        for change in self.changes:
            inputs, targets = change(inputs, targets)
        return inputs, targets

    def loss(self, logits: Tensor, targets: Tensor, index: Tensor | None = None) -> Tensor:
        """Return the cross-entropy to be lowered, without penalties; targets as `transform_batch` returns them.

        `index` (N,) says which train images the batch has; it is needed where images have weights.
        """
        smoothing = self.strengths.label_smoothing
        if self.image_weights is not None:
            assert index is not None
            return weighted_cross_entropy(logits, targets, self.image_weights[index.to(logits.device)], smoothing)
        return cross_entropy(logits, targets, self.class_weights, smoothing)

    def step(self, loss: Tensor) -> None:
        """Take a step down the gradient of a loss and the penalties."""
        loss.backward()  # type: ignore[no-untyped-call]
        add_penalty_gradients_(self.kernels, self.subgradient, self.strengths.l2)
        factor = rate_factor(self.settings, self.optimizer.steps, self.epoch_steps)
        self.optimizer.step(factor)
        for correct in self.corrections:
            correct(factor)

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Give the model the weights to evaluate, within the `with` block: with `averaging`, their mean."""
        return self.average.applied() if self.average else nullcontext()

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self.optimizer.steps

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that a step changes, by name: no copies, so that writing to them restores a step.

        These are the model's parameters and buffers, Adam's moments and, with `averaging`, the mean.
        """
        groups = {"first": self.optimizer.first, "second": self.optimizer.second}
        groups |= {"mean": self.average.mean} if self.average else {}
        numbered = {
            f"{group}.{place}": tensor for group, tensors in groups.items() for place, tensor in enumerate(tensors)
        }
        return {f"model.{name}": value for name, value in self.model.state_dict().items()} | numbered

    def resume(self, steps: int) -> None:
        """Set the number of steps taken so far, once `tensors` are restored."""
        self.optimizer.steps = steps
        if self.average:
            self.average.steps = steps

    def _corrections(self) -> list[Callable[[float], None]]:
        """Return what follows a step, in this order, so that the mean is of weights that obey the others."""
        strengths, average = self.strengths, self.average
        found: list[tuple[bool, Callable[[float], None]]] = [
            (strengths.proximal, lambda factor: self.optimizer.shrink_(strengths.l1, factor)),
            (strengths.max_norm > 0, lambda _: clip_norms_(self.kernels, strengths.max_norm)),
        ]
        corrections = [correction for on, correction in found if on]
        return [*corrections, lambda _: average.update()] if average else corrections
