"""Predictions of made-up networks, right where a test wants them to be."""

import numpy as np
from numpy.typing import NDArray

from regbench.retraining.decision import Predictions

CLASSES = ("a", "b")


def answers(right: NDArray[np.bool_], labels: NDArray[np.int64], **costs: float) -> Predictions:
    """Return answers that are right where `right` is, with probability 0.9 for the class they name."""
    named = np.where(right, labels, 1 - labels)
    return Predictions(np.where(np.arange(2) == named[:, None], 0.9, 0.1).astype(np.float32), **{**COSTS, **costs})


COSTS = {"megabytes": 2.0, "milliseconds": 3.0}


def pair(wins: int, losses: int, images: int) -> tuple[Predictions, Predictions, NDArray[np.int64]]:
    """Return champion, challenger and labels: each alone is right on `losses` and `wins` images, both on the others."""
    labels = np.arange(images) % 2
    challenger, champion = np.ones((2, images), dtype=bool)
    champion[:wins], challenger[wins : wins + losses] = False, False
    return answers(champion, labels), answers(challenger, labels), labels
