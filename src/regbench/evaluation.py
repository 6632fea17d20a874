"""What the trained networks are worth on images that they never saw: probabilities first, every score from them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from regbench.compute import device, prepare
from regbench.data.dataset import DataShape, Split, load_shape, load_split
from regbench.files import read_json, write_array, write_csv, write_json
from regbench.model import load_model
from regbench.params import Evaluate, Params
from regbench.statistics.intervals import accuracy_interval, mean_interval

HARDEST = 25
"""Misclassified images kept for the report, a variant."""


@dataclass(frozen=True)
class Evaluated:
    """The split that variants are judged on."""

    name: str
    """`test`, or `validation` where the data set has no test images."""
    split: Split
    shape: DataShape


def load_evaluated(data: Path) -> Evaluated:
    """Open the locked test split; without test images (`as_listed`) the validation split stands in, by its name."""
    test = load_split(data, "test")
    shape = load_shape(data / "dataset.json")
    if len(test.labels):
        return Evaluated("test", test, shape)
    return Evaluated("validation", load_split(data, "validation"), shape)


def evaluate_all(params: Params, data: Path, runs: Path, out: Path, metrics: Path) -> None:
    """Evaluate every run of every variant in `params` and write what the contract of `compare` reads.

    Variants are taken from `params`, never from the folder, since a removed variant leaves its files behind.
    """
    prepare(params.compute)
    evaluated = load_evaluated(data)
    labels = evaluated.split.labels
    write_csv(out / "labels.csv", pd.DataFrame({"filename": evaluated.split.filenames, "label": labels}))
    write_json(
        out / "split.json",
        {
            "split": evaluated.name,
            "images": len(labels),
            "classes": list(evaluated.shape.classes),
            "seeds": list(params.seeds),
        },
    )
    with tqdm(total=len(params.variants) * len(params.seeds), desc="evaluate", unit="run", disable=None) as bar:
        for variant in params.variants:
            folders = [runs / variant / f"seed-{seed}" for seed in params.seeds]
            probabilities = np.stack([_predict(folder, evaluated.split.images, params) for folder in folders])
            bar.update(len(folders))
            results = [read_json(folder / "result.json") for folder in folders]
            scores = pd.DataFrame(
                [score(p, labels, result, params.evaluate) for p, result in zip(probabilities, results, strict=True)]
            )
            _write_variant(out / variant, probabilities, scores, evaluated)
            write_json(metrics / f"{variant}.json", headline(probabilities, labels, scores, params.evaluate))


def score(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], result: dict[str, float], settings: Evaluate
) -> dict[str, float]:
    """Return the scores of one run from its class probabilities (N, K) and the labels (N,).

    Accuracy, recall and gap are fractions, the error is in percent, log-loss in nats. `gap` is the accuracy on the
    whole train split, unchanged, minus the accuracy here, both by the best epoch's weights.
    """
    from sklearn.metrics import f1_score, log_loss

    exact = probabilities.astype(np.float64)
    exact /= exact.sum(1, keepdims=True)  # float32 rows sum to one only nearly, which scikit-learn warns of
    predicted = probabilities.argmax(1)
    accuracy = float((predicted == labels).mean())
    classes = np.arange(probabilities.shape[1])
    return {
        "seed": result["seed"],
        "accuracy": accuracy,
        "error_percent": 100 * (1 - accuracy),
        "log_loss": float(log_loss(labels, exact, labels=classes)),
        "macro_f1": float(f1_score(labels, predicted, labels=classes, average="macro", zero_division=0)),
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
    }


def calibration_error(probabilities: NDArray[np.float32], labels: NDArray[np.int64], bins: int) -> float:
    """Return the expected calibration error (Guo et al. 2017): |confidence - accuracy| averaged over `bins`.

    The bins are of equal width in the confidence of the predicted class, and weigh as many as they hold; the upper
    edge belongs to a bin. In [0, 1]; NaN without images.
    """
    confidence = probabilities.max(1).astype(np.float64)
    correct = probabilities.argmax(1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    excess = np.bincount(place, weights=correct - confidence, minlength=bins)
    return float(np.abs(excess).sum() / len(labels)) if len(labels) else float("nan")


def headline(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], scores: pd.DataFrame, settings: Evaluate
) -> dict[str, float]:
    """Return the few numbers that `dvc metrics show` prints of a variant: means over seeds, error and gap in percent.

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


def _predict(folder: Path, images: NDArray[np.uint8], params: Params) -> NDArray[np.float32]:
    model = load_model(folder).to(device(params.compute))
    probabilities: NDArray[np.float32] = model.probabilities(torch.from_numpy(images)).numpy()
    return probabilities


def _write_variant(
    folder: Path, probabilities: NDArray[np.float32], scores: pd.DataFrame, evaluated: Evaluated
) -> None:
    classes, labels = evaluated.shape.classes, evaluated.split.labels
    predicted = probabilities.argmax(2)
    counts = confusion(predicted, labels, len(classes))
    names = np.array(classes)
    grid = pd.MultiIndex.from_product([classes, classes], names=["actual", "predicted"])
    recall = [
        {"seed": int(seed), "class": name, "recall": matrix[k, k] / matrix[k].sum(), "images": matrix[k].sum()}
        for seed, matrix in zip(scores["seed"], counts, strict=True)
        for k, name in enumerate(classes)
        if matrix[k].sum()
    ]
    write_array(folder / "probabilities.npy", probabilities)
    write_csv(folder / "scores.csv", scores)
    write_csv(folder / "per_class.csv", pd.DataFrame(recall, columns=["seed", "class", "recall", "images"]))
    write_csv(folder / "confusion.csv", pd.DataFrame({"count": counts.sum(0).ravel()}, index=grid).reset_index())
    rows, table = misclassified(probabilities, labels)
    write_array(folder / "misclassified.npy", np.ascontiguousarray(evaluated.split.images[rows]))
    table.insert(0, "filename", [evaluated.split.filenames[row] for row in rows])
    write_csv(
        folder / "misclassified.csv", table.assign(label=names[labels[rows]], predicted=names[table["predicted"]])
    )


def confusion(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return counts (S, K, K), actual by predicted, of predictions (S, N) for labels (N,)."""
    flat = labels * classes + predicted
    return np.stack([np.bincount(row, minlength=classes**2).reshape(classes, classes) for row in flat])


def misclassified(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Return the rows of at most HARDEST images that most seeds get wrong, surest mistake first, and their table.

    The prediction is that of the mean probability over seeds (S, N, K), or the strongest wrong class where the mean is
    right; `confidence` is its mean probability.
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
