"""What a trial does: train a variant with the trial's values, report to the pruner, return the score."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna
import torch

from regbench.config.experiment import Experiment
from regbench.config.ranges import Value
from regbench.config.variants import Variant
from regbench.engine.runs import Material, train_model
from regbench.training.fit import EpochRecord


@dataclass(frozen=True)
class Score:
    """What one training reached on validation, at its best epoch."""

    validation_loss: float
    """Nats."""
    validation_accuracy: float
    """Fraction."""
    nonzero_weights: float
    """Fraction of hidden kernel entries whose magnitude is not below `search.zero_below`."""
    epochs: int
    """Epochs that were trained."""


@dataclass(frozen=True)
class Trainer:
    """Trains settings of one variant; knows train and validation data alone."""

    params: Experiment
    variant: str
    material: Material

    @property
    def length(self) -> int:
        """Epochs of a training in a trial, at most."""
        own = self.params.variants[self.variant].train
        return self.params.searching(self.variant).epochs or {**self.params.train.model_dump(), **own}["epochs"]

    def resolve(self, values: dict[str, Value]) -> Variant:
        """Return the variant with a trial's values in the place of its ranges."""
        return self.params.variants[self.variant].resolve(values)

    def score(
        self,
        values: dict[str, Value],
        seed: int,
        epochs: int = 0,
        on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    ) -> Score:
        """Train under one seed for `epochs` (0: as many as `train.epochs`) at most and return the score.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        tried = self.resolve(values)
        if epochs:
            tried = tried.model_copy(update={"train": {**tried.train, "epochs": epochs}})
        params = self.params.with_resolved({self.variant: tried})
        model, result = train_model(params, self.variant, self.material, seed, on_epoch)
        best = result.history[result.best_epoch]
        kernels = torch.cat([kernel.detach().flatten() for kernel in model.hidden_kernels])
        return Score(
            best.validation_loss,
            best.validation_accuracy,
            float((kernels.abs() >= self.params.searching(self.variant).zero_below).double().mean()),
            len(result.history),
        )

    def __call__(self, trial: optuna.Trial) -> list[float]:
        """Return the objectives of a trial, means over the seeds of the search.

        Raises:
            DivergedError: a loss is no longer finite.
            optuna.TrialPruned: the pruner stops the trial.
        """
        search = self.params.searching(self.variant)
        scores: list[Score] = []

        def report(value: float, step: int) -> None:
            if search.second == "none":
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned

        def on_epoch(record: EpochRecord) -> None:
            trial.set_user_attr("epochs", sum(score.epochs for score in scores) + record.epoch + 1)
            if search.pruner != "wilcoxon":
                report(getattr(record, search.objective), len(scores) * self.length + record.epoch)

        for place, seed in enumerate(search.seeds):
            scores.append(self.score(trial.params, seed, self.length, on_epoch))
            if search.pruner == "wilcoxon":
                report(getattr(scores[-1], search.objective), place)
        objectives = [search.objective, *([search.second] if search.second != "none" else [])]
        return [float(np.mean([getattr(score, name) for score in scores])) for name in objectives]
