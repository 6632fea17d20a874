"""The objective of a trial: trains one setting, and reports to the pruner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import optuna

from regbench.config.ranges import Value
from regbench.config.search import Search

if TYPE_CHECKING:
    from regbench.config.variants import Variant
    from regbench.training.history import EpochRecord


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

    @staticmethod
    def of(history: "Sequence[EpochRecord]", best_epoch: int, nonzero_weights: float) -> "Score":
        """Return the score of a finished training."""
        best = history[best_epoch]
        return Score(best.validation_loss, best.validation_accuracy, nonzero_weights, len(history))


def shorten(tried: "Variant", epochs: int) -> "Variant":
    """Return a variant that is trained for `epochs` at most; 0: as long as its own settings say."""
    return tried.model_copy(update={"train": {**tried.train, "epochs": epochs}}) if epochs else tried


class Trains(Protocol):
    """Trains settings of one variant; knows train and validation data alone."""

    @property
    def search(self) -> Search:
        """How the variant is searched."""

    @property
    def length(self) -> int:
        """Epochs of a training in a trial, at most."""

    def score(
        self,
        values: dict[str, Value],
        seed: int,
        epochs: int = 0,
        on_epoch: "Callable[[EpochRecord], None]" = lambda record: None,
    ) -> Score:
        """Train under one seed for `epochs` (0: as many as `train.epochs`) at most and return the score.

        Raises:
            DivergedError: the loss is no longer finite.
        """


@dataclass(frozen=True)
class TrialObjective:
    """The objectives of a trial."""

    trainer: Trains

    def __call__(self, trial: optuna.Trial) -> list[float]:
        """Return the objectives of a trial, means over the seeds of the search.

        Raises:
            DivergedError: a loss is no longer finite.
            optuna.TrialPruned: the pruner stops the trial.
        """
        search = self.trainer.search
        scores: list[Score] = []

        def report(value: float, step: int) -> None:
            if search.second == "none":
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned

        def on_epoch(record: "EpochRecord") -> None:
            trial.set_user_attr("epochs", sum(score.epochs for score in scores) + record.epoch + 1)
            if search.pruner != "wilcoxon":
                report(getattr(record, search.objective), len(scores) * self.trainer.length + record.epoch)

        for place, seed in enumerate(search.seeds):
            scores.append(self.trainer.score(trial.params, seed, self.trainer.length, on_epoch))
            if search.pruner == "wilcoxon":
                report(getattr(scores[-1], search.objective), place)
        objectives = [search.objective, *([search.second] if search.second != "none" else [])]
        return [float(np.mean([getattr(score, name) for score in scores])) for name in objectives]
