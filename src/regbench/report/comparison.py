"""The tidy tables of a comparison: one row per variant, best first, from the files of `train` and `evaluate`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.experiment import EvaluatedExperiment
from regbench.files import read_json
from regbench.report.answers import read_answers, read_labels, read_scores
from regbench.report.complexity import complexity_of
from regbench.report.tables import required
from regbench.report.verdict_columns import VERDICT_COLUMNS, log_loss_verdicts, verdict_row
from regbench.statistics.intervals import Interval
from regbench.statistics.pair import Comparison as Verdict
from regbench.statistics.units import Score, Units
from regbench.statistics.verdicts import Judgement, judge

MEANS = (
    "log_loss",
    "error_percent",
    "balanced_accuracy",
    "macro_f1",
    "calibration_error",
    "gap",
    "zero_weights",
    "epochs",
)
"""Scores of a variant that the table gives as means over seeds."""
COLUMNS = (
    "variant",
    "seeds",
    "test_accuracy",
    "test_accuracy_low",
    "test_accuracy_high",
    "test_error_percent",
    *MEANS,
    *VERDICT_COLUMNS,
)
"""Columns of `comparison.csv`: means over seeds. Accuracies, F1, gap and zero weights are fractions, log-loss is in
nats. The columns `test_...` use `evaluate.score`; `error_percent` counts every image alike."""
NETWORKS = "networks"
"""A further column where there are ensembles: number of networks in each, mean over seeds."""

UNBALANCED = 3
"""Ratio of the largest class to the smallest, in images, from which balanced error is shown too."""


@dataclass(frozen=True)
class Comparison:
    """The tables and verdicts about the variants of one set of results."""

    table: pd.DataFrame
    """COLUMNS, one row per variant, best first: by accuracy, then log-loss, then the order in `params.yaml`."""
    variants: tuple[str, ...]
    """Names in the order of `params.yaml`. This order sets the colours, so a colour does not depend on the rank."""
    judgement: Judgement
    """Intervals, verdicts against the baseline and the tie set, by `score`."""
    seed_errors: pd.DataFrame
    """Columns variant, seed, error_percent."""
    split: str
    """`test`, or `validation` where the data set has no test images."""
    images: int
    """Number of images of that split."""
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: Mapping[str, NDArray[np.float64]]
    """By variant: the compared score of each seed's network on each unit (`regbench.statistics.units`), shape (seeds,
    units). The mean is the accuracy, plain or balanced."""
    class_images: tuple[int, ...] = ()
    """Images of each class in that split."""
    score: Score = "error"
    """The score that ranks and compares variants."""
    log_loss: Mapping[str, Verdict] = field(default_factory=dict)
    """Each other variant against the baseline by log-loss; gains are in nats."""
    networks: Mapping[str, str] | None = None
    """Digest of each variant's probabilities: equal digests mean the same networks."""

    @property
    def baseline(self) -> str:
        """Name of the variant that the others are compared with: `baseline`, or the first one."""
        return self.judgement.baseline

    @property
    def confidence(self) -> float:
        """Level of intervals and verdicts."""
        return self.judgement.confidence

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Each other variant against the baseline; differences are accuracies as fractions."""
        standings = self.judgement.standings.items()
        return {name: standing.to_baseline for name, standing in standings if standing.to_baseline}

    @property
    def measure(self) -> str:
        """Name of the error in tables and pictures, such as `test error`."""
        return f"balanced {self.split} error" if self.score == "balanced_error" else f"{self.split} error"

    @property
    def unbalanced(self) -> bool:
        """Whether the classes differ so much in size that error alone misleads."""
        present = [images for images in self.class_images if images]
        return bool(present) and max(present) >= UNBALANCED * min(present)

    @property
    def networks_of(self) -> dict[str, float]:
        """Number of networks of each variant, mean over seeds; empty where there are no ensembles."""
        return dict(zip(self.order, self.table[NETWORKS], strict=True)) if NETWORKS in self.table else {}

    @property
    def best(self) -> str:
        """Name of the variant with the highest accuracy."""
        return str(self.table["variant"].iloc[0])

    @property
    def order(self) -> list[str]:
        """Names of the variants, best first."""
        return [str(name) for name in self.table["variant"]]


def compare(params: EvaluatedExperiment, evaluation: Path) -> Comparison:
    """Read `evaluation` and return the comparison of the variants in `params`; other folders in it are ignored.

    Accuracies and intervals are computed from the probabilities of the single images; the other values are read.

    Raises:
        InputError: a file is missing.
        IntegrityError: a file does not fit the seeds, images or classes of the others.
    """
    split = required(evaluation / "split.json", read_json)
    labels, groups = read_labels(evaluation / "labels.csv")
    shape = (len(params.seeds), split["images"], len(split["classes"]))
    answers = {name: read_answers(evaluation / name / "probabilities.npy", labels, shape) for name in params.names}
    correct = {name: found.correct for name, found in answers.items()}
    units, groups_alone = Units.of(labels, groups, params.evaluate.score), Units.of(labels, groups)
    losses = {name: groups_alone.cells(found.losses) for name, found in answers.items()}
    networks = {name: found.digest for name, found in answers.items()}
    scores = {name: read_scores(evaluation / name / "scores.csv", params.seeds) for name in params.names}
    baseline = "baseline" if "baseline" in params.variants else next(iter(params.variants))
    complexity = {name: complexity_of(params, name) for name in params.names}
    confidence, margin = params.evaluate.confidence, params.evaluate.margin / 100
    judgement = judge(correct, labels, baseline, complexity, confidence, margin, networks, units)
    by_loss = log_loss_verdicts(losses, baseline, confidence, networks)
    rows = [
        _row(name, judgement.standings[name].accuracy, scores[name])
        | verdict_row(judgement.standings[name], by_loss.get(name))
        for name in params.names
    ]
    cells = {name: units.cells(matrix) for name, matrix in correct.items()}
    columns = [*COLUMNS, *([NETWORKS] if params.ensembles else [])]
    ranked = pd.DataFrame(rows, columns=columns).sort_values(
        ["test_accuracy", "log_loss"], ascending=[False, True], kind="stable", ignore_index=True
    )
    return Comparison(
        table=ranked,
        variants=params.names,
        judgement=judgement,
        seed_errors=_seed_errors(params.seeds, cells),
        split=split["split"],
        images=split["images"],
        classes=tuple(split["classes"]),
        seeds=params.seeds,
        scores=cells,
        class_images=tuple(np.bincount(labels, minlength=shape[2]).tolist()),
        score=params.evaluate.score,
        log_loss=by_loss,
        networks=networks,
    )


def _row(variant: str, accuracy: Interval, scores: pd.DataFrame) -> dict[str, Any]:
    return {
        "variant": variant,
        "seeds": len(scores),
        "test_accuracy": accuracy.mean,
        "test_accuracy_low": accuracy.low,
        "test_accuracy_high": accuracy.high,
        "test_error_percent": 100 * (1 - accuracy.mean),
        **{name: float(scores[name].mean()) for name in MEANS},
        NETWORKS: float(scores[NETWORKS].mean()) if NETWORKS in scores else 1.0,
    }


def _seed_errors(seeds: tuple[int, ...], cells: Mapping[str, NDArray[np.float64]]) -> pd.DataFrame:
    rows = [
        {"variant": name, "seed": seed, "error_percent": 100 * float(1 - units.mean())}
        for name, matrix in cells.items()
        for seed, units in zip(seeds, matrix, strict=True)
    ]
    return pd.DataFrame(rows)
