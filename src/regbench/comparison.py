"""The tidy tables of a comparison: one row a variant, best first, from what `train` and `evaluate` left in files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import IntegrityError
from regbench.files import read_array, read_json
from regbench.params import Params
from regbench.results import required, table
from regbench.statistics import Interval, accuracy_interval, crossed_noise

COLUMNS = (
    "variant",
    "seeds",
    "test_accuracy",
    "test_accuracy_low",
    "test_accuracy_high",
    "test_error_percent",
    "log_loss",
    "macro_f1",
    "calibration_error",
    "gap",
    "zero_weights",
    "epochs",
)
"""Of `comparison.csv`: means over seeds; accuracies, F1, gap and zero weights are fractions, log-loss is in nats."""


@dataclass(frozen=True)
class Comparison:
    """Everything that is said about the variants of one set of results."""

    table: pd.DataFrame
    """COLUMNS, one row a variant, best first: by accuracy, then log-loss, then the order in `params.yaml`."""
    variants: tuple[str, ...]
    """In the order of `params.yaml`, which gives each its colour, whatever its rank."""
    baseline: str
    """The variant named `baseline`, or the first one."""
    differences: dict[str, Interval]
    """Accuracy of each other variant minus the baseline's, as a fraction: paired by seed and image, with intervals
    that hold together at the level (Bonferroni)."""
    seed_errors: pd.DataFrame
    """variant, seed, error_percent."""
    split: str
    """`test`, or `validation` where the data set has no test images."""
    images: int
    """Of that split."""
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    confidence: float

    @property
    def best(self) -> str:
        """Name of the variant with the highest accuracy."""
        return str(self.table["variant"].iloc[0])

    @property
    def order(self) -> list[str]:
        """Names of the variants, best first."""
        return [str(name) for name in self.table["variant"]]


def compare(params: Params, evaluation: Path) -> Comparison:
    """Read `evaluation` and return the comparison of the variants in `params`; other folders in it are ignored.

    Accuracies and intervals are computed from the probabilities of the single images, the rest is read.

    Raises:
        InputError: a file is missing.
        IntegrityError: a file does not fit the seeds, images or classes that the others speak of.
    """
    split = required(evaluation / "split.json", read_json)
    labels = required(evaluation / "labels.csv", table)["label"].to_numpy()
    shape = (len(params.seeds), split["images"], len(split["classes"]))
    level = params.evaluate.confidence
    correct = {name: _correct(evaluation / name / "probabilities.npy", labels, shape) for name in params.variants}
    scores = {name: _scores(evaluation / name / "scores.csv", params.seeds) for name in params.variants}
    rows = [_row(name, accuracy_interval(correct[name], level), scores[name]) for name in params.variants]
    ranked = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(
        ["test_accuracy", "log_loss"], ascending=[False, True], kind="stable", ignore_index=True
    )
    baseline = "baseline" if "baseline" in params.variants else next(iter(params.variants))
    others = [name for name in params.variants if name != baseline]
    together = 1 - (1 - level) / max(1, len(others))
    return Comparison(
        table=ranked,
        variants=tuple(params.variants),
        baseline=baseline,
        differences={name: paired_difference(correct[name], correct[baseline], together) for name in others},
        seed_errors=_seed_errors(params.seeds, correct),
        split=split["split"],
        images=split["images"],
        classes=tuple(split["classes"]),
        seeds=params.seeds,
        confidence=level,
    )


def paired_difference(correct: NDArray[np.bool_], other: NDArray[np.bool_], confidence: float) -> Interval:
    """Interval for the expected accuracy of `correct` minus that of `other`, both boolean (S, N).

    Rows must share the seed and columns the image: what is hard for both then cancels out.
    """
    cells = correct.astype(np.float64) - other.astype(np.float64)
    mean, half = float(cells.mean()), crossed_noise(cells).half_width(confidence)
    return Interval(mean, mean - half, mean + half)


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return the table and what it rests on as plain values; differences from the baseline are fractions."""
    differences = {
        name: {"accuracy": found.mean, "low": found.low, "high": found.high}
        for name, found in comparison.differences.items()
    }
    rows = comparison.table.to_dict(orient="records")
    return {
        "baseline": comparison.baseline,
        "best": comparison.best,
        "confidence": comparison.confidence,
        "images": comparison.images,
        "seeds": list(comparison.seeds),
        "split": comparison.split,
        "variants": [{**row, "difference_from_baseline": differences.get(str(row["variant"]))} for row in rows],
    }


def _row(variant: str, accuracy: Interval, scores: pd.DataFrame) -> dict[str, Any]:
    return {
        "variant": variant,
        "seeds": len(scores),
        "test_accuracy": accuracy.mean,
        "test_accuracy_low": accuracy.low,
        "test_accuracy_high": accuracy.high,
        "test_error_percent": 100 * (1 - accuracy.mean),
        **{name: float(scores[name].mean()) for name in COLUMNS[6:]},
    }


def _correct(file: Path, labels: NDArray[np.int64], shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    probabilities = required(file, read_array)
    if probabilities.shape != shape or len(labels) != shape[1]:
        found = f"shape {probabilities.shape} for {len(labels)} labels"
        raise IntegrityError(f"{file}: {found}: must be {shape} (seeds, images, classes): run `dvc repro evaluate`")
    correct: NDArray[np.bool_] = probabilities.argmax(axis=2) == labels
    return correct


def _scores(file: Path, seeds: tuple[int, ...]) -> pd.DataFrame:
    scores = required(file, table)
    if tuple(scores["seed"]) != seeds:
        found = f"seeds {scores['seed'].tolist()}"
        raise IntegrityError(f"{file}: {found}: must be {list(seeds)} as in params.yaml: run `dvc repro evaluate`")
    return scores


def _seed_errors(seeds: tuple[int, ...], correct: dict[str, NDArray[np.bool_]]) -> pd.DataFrame:
    rows = [
        {"variant": name, "seed": seed, "error_percent": 100 * float(1 - cells.mean())}
        for name, matrix in correct.items()
        for seed, cells in zip(seeds, matrix, strict=True)
    ]
    return pd.DataFrame(rows)
