"""Computes the scores of predictions: all numbers about a run or a variant, from class probabilities and labels."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import f1_score, log_loss

from regbench.config.evaluation import Evaluate
from regbench.statistics.calibration import calibration_error
from regbench.statistics.intervals import accuracy_interval, mean_interval
from regbench.statistics.units import Units

HARDEST = 25
"""Number of misclassified images per variant that are kept for the report."""


def score(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], result: dict[str, float], settings: Evaluate
) -> dict[str, float]:
    """Return the scores of one run from its class probabilities (N, K) and the labels (N,).

    F1 and balanced accuracy are means over the classes that have images. Accuracy, recall and gap are fractions, the
    error is in percent, log-loss in nats. `gap` is the accuracy on the whole unchanged train split minus the accuracy
    here, both with the weights of the best epoch. For an ensemble, `networks` is the number of its networks.
    """
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(1, keepdims=True)  # float32 rows sum to one only nearly, and scikit-learn warns about this
    predicted = probabilities.argmax(1)
    accuracy = float((predicted == labels).mean())
    classes = np.arange(probabilities.shape[1])
    return {
        "seed": result["seed"],
        "accuracy": accuracy,
        "error_percent": 100 * (1 - accuracy),
        "log_loss": float(log_loss(labels, exact, labels=classes)),
        "balanced_accuracy": balanced_accuracy(labels, predicted),
        "macro_f1": _macro_f1(labels, predicted),
        "calibration_error": calibration_error(probabilities, labels, settings.calibration_bins),
        "gap": result["train_accuracy"] - accuracy,
        "zero_weights": result["zero_weights"],
        "dead_units": result["dead_units"],
        "compressed_bytes": result["compressed_bytes"],
        "parameters": result["parameters"],
        "epochs": result["epochs"],
        "best_epoch": result["best_epoch"],
        "train_accuracy": result["train_accuracy"],
        "validation_accuracy": result["validation_accuracy"],
        "temperature": result["temperature"],
        **{name: result[name] for name in ("networks",) if name in result},
    }


def balanced_accuracy(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the mean recall of the classes that have images (scikit-learn's `balanced_accuracy_score`)."""
    weights = Units.of(labels, score="balanced_error").weights
    return float((weights * (predicted == labels)).mean()) if len(labels) else float("nan")


def _macro_f1(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the mean F1 of the classes that have images; it is undefined for other classes. NaN without images."""
    if not len(labels):
        return float("nan")
    return float(f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0))


def headline(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], scores: pd.DataFrame, settings: Evaluate
) -> dict[str, float]:
    """Return the few numbers of a variant for `dvc metrics show`: means over seeds, error and gap in percent.

    `low` and `high` are the ends of the error's interval, over seeds and images.
    """
    accuracy = accuracy_interval(probabilities.argmax(2) == labels, settings.confidence)
    return {
        "test_error": round(100 * (1 - accuracy.mean), 4),
        "low": round(100 * (1 - accuracy.high), 4),
        "high": round(100 * (1 - accuracy.low), 4),
        "log_loss": round(mean_interval(scores["log_loss"].to_numpy(), settings.confidence).mean, 5),
        "f1": round(float(scores["macro_f1"].mean()), 5),
        "gap": round(100 * float(scores["gap"].mean()), 4),
    }


def confusion(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return counts (S, K, K), actual by predicted, of predictions (S, N) for labels (N,)."""
    flat = labels * classes + predicted
    return np.stack([np.bincount(row, minlength=classes**2).reshape(classes, classes) for row in flat])


def misclassified(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Return the rows of at most HARDEST images that most seeds get wrong, and their table; most confident first.

    The prediction is the class with the largest mean probability over seeds (S, N, K), or the most probable wrong class
    if that one is right; `confidence` is its mean probability.
    """
    wrong = (probabilities.argmax(2) != labels).sum(0)
    mean = probabilities.mean(0, dtype=np.float64)
    mean[np.arange(len(labels)), labels] = 0
    predicted, confidence = mean.argmax(1), mean.max(1)
    order = np.lexsort((-confidence, -wrong))[:HARDEST]
    rows = order[wrong[order] > 0]
    table = pd.DataFrame(
        {
            "label": labels[rows],
            "predicted": predicted[rows],
            "confidence": confidence[rows],
            "seeds_wrong": wrong[rows],
        }
    )
    return rows, table
