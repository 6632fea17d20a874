"""Finds the best epoch so far, and decides when to stop."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass
class BestEpoch:
    """Follows one score: which epoch is best so far, and whether patience has run out.

    An epoch improves if it beats the best by more than `min_delta` (absolute, never relative); a tie is no
    improvement. The first epoch always counts as best. A score of NaN never improves. Training stops after `patience`
    epochs in a row without improvement, as in Keras's EarlyStopping; patience 0 never stops.

    >>> best = BestEpoch("min", patience=2)
    >>> [best.update(epoch, loss) for epoch, loss in enumerate([0.9, 0.5, 0.6, 0.7])]
    [True, True, False, False]
    >>> best.epoch, best.exhausted
    (1, True)
    """

    mode: Literal["min", "max"]
    patience: int = 0
    min_delta: float = 0.0
    epoch: int = field(default=-1, init=False)
    """The best epoch, counted from 0; -1 before the first update."""
    score: float = field(default=float("nan"), init=False)
    waited: int = field(default=0, init=False)
    """Epochs since the best one."""

    def update(self, epoch: int, score: float) -> bool:
        """Record the score of an epoch; return whether it is the best so far."""
        if self.epoch < 0 or self._improves(score):
            self.epoch, self.score, self.waited = epoch, score, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return 0 < self.patience <= self.waited

    def _improves(self, score: float) -> bool:
        return score - self.min_delta > self.score if self.mode == "max" else score + self.min_delta < self.score
