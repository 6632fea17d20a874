"""SAMME: AdaBoost for several classes (Zhu, Zou, Rosset & Hastie 2009, Multi-class AdaBoost, algorithm 2)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regbench.files import read_array, read_json, write_array, write_json

VOTE, WEIGHTS = "vote.json", "weights.npy"
"""Files of a round's entry in the store; without the second one the boosting ends with it."""


@dataclass(frozen=True, eq=False)
class Round:
    """What a round of boosting comes to."""

    error: float
    """Part of the train images that the round's network gets wrong, by their weights."""
    vote: float
    """Weight of the network's vote; 0: it has none."""
    weights: NDArray[np.float64] | None
    """Weight of each train image in the next round, (N,), summing to 1; None: there is none."""

    def write(self, folder: Path) -> None:
        """Write the round beside its network."""
        write_json(folder / VOTE, {"error": self.error, "vote": self.vote})
        if self.weights is not None:
            write_array(folder / WEIGHTS, self.weights)


def weigh_images(wrong: NDArray[np.bool_], weights: NDArray[np.float64], classes: int, first: bool) -> Round:
    """Return the vote of a network, and the weights of the next round, as scikit-learn's AdaBoostClassifier.

    A network without mistakes ends the boosting with a vote of 1. One that is no better than chance, an error of
    1 - 1/K, ends it without a vote; the first one keeps a vote of 1, so that there is an answer.

    Args:
        wrong: which train images the network gets wrong, (N,).
        weights: of the images in this round, (N,), summing to 1.
        classes: K, 2 or more.
        first: whether this is the first round.
    """
    error = float(weights[wrong].sum())
    if error <= 0:
        return Round(error, 1.0, None)
    if error >= 1 - 1 / classes:
        return Round(error, float(first), None)
    vote = float(np.log((1 - error) / error) + np.log(classes - 1))
    # In logarithms, since many rounds multiply; the largest is 1.
    logarithms = np.log(np.maximum(weights, np.finfo(np.float64).tiny)) + vote * wrong
    raised = np.exp(logarithms - logarithms.max())
    return Round(error, vote, raised / raised.sum())


def read_weights(folder: Path) -> NDArray[np.float64] | None:
    """Return the weights of the train images after the round that is stored in `folder`; None: there is no next one."""
    return read_array(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else None


def read_vote(folder: Path) -> float:
    """Return the weight of the vote of the network stored in `folder`."""
    return float(read_json(folder / VOTE)["vote"])
