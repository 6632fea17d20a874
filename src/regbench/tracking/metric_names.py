"""Names of metrics in MLflow.

The part before the slash becomes a section of the chart page; sections are in alphabetical order, so that `test` is
the first. Bars show two decimals from zero on, where accuracies of 0.975 and 0.982 look the same: so fractions are
given in percent, and accuracies as errors too.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Named(NamedTuple):
    """A metric made from a column: `offset + factor * value`; SPLIT stands for the split that was evaluated."""

    name: str
    factor: float = 1
    offset: float = 0


def _error(name: str) -> Named:
    return Named(name, factor=-100, offset=100)


def _percent(name: str) -> Named:
    return Named(name, factor=100)


CURVES: dict[str, tuple[Named, ...]] = {
    "train_loss": (Named("train/loss"),),
    "train_objective": (Named("train/objective"),),
    "train_accuracy": (Named("train/accuracy"), _error("train/error_pct")),
    "sample_loss": (Named("train/clean_loss"),),
    "sample_accuracy": (_error("train/clean_error_pct"),),
    "validation_loss": (Named("validation/loss"),),
    "validation_objective": (Named("validation/objective"),),
    "validation_accuracy": (Named("validation/accuracy"), _error("validation/error_pct")),
    "gap": (_percent("validation/gap_pct"),),
    "penalty": (Named("weights/penalty"),),
    "weight_norm": (Named("weights/norm"),),
}
"""Columns of a history."""

SCORES: dict[str, tuple[Named, ...]] = {
    "error_percent": (Named("SPLIT/error_pct"),),
    "log_loss": (Named("SPLIT/log_loss"),),
    "balanced_accuracy": (_error("SPLIT/balanced_error_pct"),),
    "macro_f1": (_percent("SPLIT/macro_f1_pct"),),
    "calibration_error": (_percent("SPLIT/miscalibration_pct"),),
    "gap": (_percent("SPLIT/gap_pct"),),
    "train_accuracy": (_error("train/best_error_pct"),),
    "validation_accuracy": (_error("validation/best_error_pct"),),
    "zero_weights": (_percent("weights/zero_pct"),),
    "dead_units": (Named("weights/dead_units"),),
    "compressed_bytes": (Named("weights/compressed_bytes"),),
    "temperature": (Named("weights/temperature"),),
    "parameters": (Named("weights/count"),),
    "networks": (Named("work/networks"),),
    "epochs": (Named("work/epochs"),),
    "best_epoch": (Named("work/best_epoch"),),
}
"""Columns of a variant's scores; `best` means by the weights of the best epoch.

The error is the first here, so that MLflow's parallel coordinates open with it, and by the alphabet, so that it has the
first chart.
"""

INTERVAL: dict[str, tuple[Named, ...]] = {
    "test_accuracy_low": (_error("SPLIT/error_pct_high"),),
    "test_accuracy_high": (_error("SPLIT/error_pct_low"),),
}
"""Columns of the comparison that the scores do not have."""

BALANCED_INTERVAL: dict[str, tuple[Named, ...]] = {
    "test_accuracy_low": (_error("SPLIT/balanced_error_pct_high"),),
    "test_accuracy_high": (_error("SPLIT/balanced_error_pct_low"),),
}
"""The same where variants are compared by balanced error."""

TRIALS: dict[str, tuple[Named, ...]] = {
    "validation_loss": (Named("search/validation_loss"),),
    "validation_accuracy": (_error("search/validation_error_pct"),),
    "nonzero_weights": (_percent("search/nonzero_weights_pct"),),
    "epochs": (Named("work/epochs"),),
}
"""Columns of a study's trials: objectives, which are means over the seeds of the search, and epochs."""

BEST: dict[str, tuple[Named, ...]] = {
    "validation_loss": (Named("search/best_validation_loss"),),
    "validation_accuracy": (_error("search/best_validation_error_pct"),),
}
"""Objectives, as the best so far after each trial."""

WINNER: dict[str, tuple[Named, ...]] = {
    "validation_loss": (Named("winner/validation_loss"),),
    "validation_accuracy": (_error("winner/validation_error_pct"),),
}
"""Columns of a study's repeats, as the winner's means over the fresh seeds."""

WALL, WALL_TOTAL = "work/epoch_wall_seconds", "work/wall_seconds"
SECONDS = {"wall_seconds": WALL, "cpu_seconds": "work/epoch_cpu_seconds"}
"""Columns of the timings."""
CPU_SHARE, MEMORY = "system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"
"""As MLflow calls what its own sampler logs. Here they are of the training process: processor time by wall time, where
one busy core is 100 %, and the most memory so far."""
TOTALS = {WALL: WALL_TOTAL, "work/epoch_cpu_seconds": "work/cpu_seconds"}
"""Names of their sums."""


def translate(
    columns: Mapping[Any, Sequence[float]], names: Mapping[str, tuple[Named, ...]], split: str = "test"
) -> dict[str, list[float]]:
    """Return metrics by their names in MLflow; columns without a name are left out, and so are values not finite.

    Where the validation split was evaluated, for lack of a test split, its scores are called `final_validation`, since
    `validation` names the curves.
    """
    shown = "final_validation" if split == "validation" else split
    return {
        named.name.replace("SPLIT", shown): [named.offset + named.factor * float(value) for value in columns[column]]
        for column, metrics in names.items()
        if column in columns
        for named in metrics
    }


def finite(values: Sequence[float]) -> list[tuple[int, float]]:
    """Return (step, value) of the numbers that MLflow can draw: it stores infinity as the largest number there is."""
    return [(step, value) for step, value in enumerate(values) if math.isfinite(value)]
