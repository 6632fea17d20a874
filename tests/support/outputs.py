"""A small, complete set of what `evaluate`, `train` and `ingest` leave behind, in the formats that `compare` reads."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.statistics.calibration import reliability

ROOT = Path(__file__).parents[2]
Probabilities = NDArray[np.float32]


def small_params(variants: Sequence[str] = ("baseline", "l2", "early_stopping"), seeds: int = 3) -> Params:
    """Return the shipped parameters with few variants and seeds 128, 129, ..."""
    shipped = load_params(ROOT / "params.yaml")
    chosen = {name: shipped.variants.get(name, shipped.variants["l2"]) for name in variants}
    return shipped.model_copy(update={"variants": chosen, "seeds": tuple(range(128, 128 + seeds))})


def write_outputs(
    root: Path, params: Params, images: int = 60, epochs: int = 4, split: str = "test", classes: int = 10
) -> None:
    """Write evaluation/, runs/, timings/ and data/report/report.json under `root`; the same call, the same bytes.

    Every variant is a little more accurate than the one before it, so the last one is best.
    """
    rng = np.random.default_rng(0)
    names = [str(index) for index in range(classes)]
    labels = rng.integers(classes, size=images)
    difficulty = rng.random(images)
    evaluation = root / "evaluation"
    evaluation.mkdir(parents=True, exist_ok=True)
    record = {"split": split, "images": images, "classes": names, "seeds": list(params.seeds)}
    (evaluation / "split.json").write_text(json.dumps(record))
    files = [f"image-{index}.png" for index in range(images)]
    pd.DataFrame({"filename": files, "label": labels}).to_csv(evaluation / "labels.csv", index=False)
    for rank, variant in enumerate(params.variants):
        error = 0.09 / (1 + 0.12 * rank)
        probabilities = _probabilities(rng, labels, difficulty, error, len(params.seeds), classes)
        _write_evaluation(evaluation / variant, params.seeds, probabilities, labels, names)
        _write_runs(root, variant, params.seeds, epochs if variant != "early_stopping" else epochs - 1, error)
    report = root / "data" / "report" / "report.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    counts = {"train": 700, "validation": 100, "test": images if split == "test" else 0}
    report.write_text(json.dumps({"data_hash": "ab" * 32, "images": counts}))


def _probabilities(
    rng: np.random.Generator,
    labels: NDArray[np.int64],
    difficulty: NDArray[np.float64],
    error: float,
    seeds: int,
    k: int,
) -> Probabilities:
    """Return (seeds, images, classes): hard images are missed by most seeds, as with real networks."""
    scores = rng.random((seeds, len(labels), k)) * 0.2
    wrong = difficulty + rng.normal(0, 0.05, (seeds, len(labels))) > 1 - error
    predicted = np.where(wrong, (labels + 1 + rng.integers(k - 1, size=wrong.shape)) % k, labels)
    np.put_along_axis(scores, predicted[..., None], 1.0 + rng.random((*wrong.shape, 1)), axis=2)
    return (scores / scores.sum(axis=2, keepdims=True)).astype(np.float32)


def _write_evaluation(
    folder: Path, seeds: Sequence[int], probabilities: Probabilities, labels: NDArray[np.int64], names: list[str]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "probabilities.npy", probabilities)
    predicted = probabilities.argmax(axis=2)
    accuracy = (predicted == labels).mean(axis=1)
    true = np.take_along_axis(probabilities, labels[None, :, None], axis=2)[..., 0]
    scores = {
        "seed": seeds,
        "accuracy": accuracy,
        "error_percent": 100 * (1 - accuracy),
        "log_loss": -np.log(true).mean(axis=1),
        "balanced_accuracy": accuracy,
        "macro_f1": accuracy - 0.001,
        "calibration_error": 0.02,
        "gap": 0.99 - accuracy,
        "zero_weights": 0.0,
        "dead_units": 0,
        "compressed_bytes": 5_200_000,
        "temperature": 1.0,
        "parameters": 1_399_510,
        "epochs": 4,
        "best_epoch": 2,
        "train_accuracy": 0.99,
        "validation_accuracy": accuracy,
    }
    pd.DataFrame(scores).to_csv(folder / "scores.csv", index=False)
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (np.broadcast_to(labels, predicted.shape), predicted), 1)
    cells = [(a, p, counts[i, j]) for i, a in enumerate(names) for j, p in enumerate(names)]
    pd.DataFrame(cells, columns=["actual", "predicted", "count"]).to_csv(folder / "confusion.csv", index=False)
    recall = [
        (seed, name, (row[labels == index] == index).mean(), (labels == index).sum())
        for seed, row in zip(seeds, predicted, strict=True)
        for index, name in enumerate(names)
    ]
    pd.DataFrame(recall, columns=["seed", "class", "recall", "images"]).to_csv(folder / "per_class.csv", index=False)
    flat, repeated = probabilities.reshape(-1, len(names)), np.tile(labels, len(seeds))
    reliability(flat, repeated, 15).to_csv(folder / "reliability.csv", index=False)
    rows = [
        (seed, kind, severity, value - 0.05 * severity)
        for seed, value in zip(seeds, accuracy, strict=True)
        for kind in ("noise", "blur")
        for severity in (1, 2, 3)
    ]
    columns = ["seed", "corruption", "severity", "accuracy"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "robustness.csv", index=False)
    _write_misclassified(folder, predicted, labels, names)


def _write_misclassified(
    folder: Path, predicted: NDArray[np.int64], labels: NDArray[np.int64], names: list[str]
) -> None:
    wrong = (predicted != labels).sum(axis=0)
    worst = [int(index) for index in np.argsort(-wrong, kind="stable")[:25] if wrong[index]]
    pixels = np.zeros((len(worst), 1, 28, 28), dtype=np.uint8)
    for position in range(len(worst)):
        pixels[position, 0, 4:24, 6 + position % 16 : 9 + position % 16] = 255
    np.save(folder / "misclassified.npy", pixels)
    rows = [(f"image-{i}.png", names[labels[i]], names[predicted[0, i]], 0.9, int(wrong[i])) for i in worst]
    columns = ["filename", "label", "predicted", "confidence", "seeds_wrong"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "misclassified.csv", index=False)


def _write_runs(root: Path, variant: str, seeds: Sequence[int], epochs: int, error: float) -> None:
    """Write each seed's history and one table of timings; the last seed stops one epoch earlier than the others."""
    timings = []
    for order, seed in enumerate(seeds):
        ran = np.arange(epochs - (order == len(seeds) - 1))
        loss = np.exp(-ran * 0.08 / error) * (1 + 10 * error) + 4 * error + order / 100 + 0.02 * np.maximum(0, ran - 4)
        accuracy = 1 - loss / 4
        history = {
            "epoch": ran,
            "train_loss": loss,
            "train_objective": loss + 0.1,
            "train_accuracy": accuracy,
            "sample_loss": loss - 0.05,
            "sample_accuracy": accuracy + 0.02,
            "validation_loss": loss + 0.1,
            "validation_objective": loss + 0.2,
            "validation_accuracy": accuracy,
            "gap": error * (0.2 + 0.1 * ran),
            "penalty": 0.1,
            "weight_norm": 30.0 + ran,
        }
        folder = root / "runs" / variant / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
        timings += [(seed, epoch, 2.0 + order, 1.5 + order, 300.0) for epoch in ran]
    (root / "timings").mkdir(exist_ok=True)
    columns = ["seed", "epoch", "wall_seconds", "cpu_seconds", "peak_megabytes"]
    pd.DataFrame(timings, columns=columns).to_csv(root / "timings" / f"{variant}.csv", index=False)
