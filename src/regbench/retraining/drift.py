"""Compares new data with the champion's training data: distances, and whether chance explains them.

Every distance lies in 0..1. It counts only if its p-value, Holm-corrected over all distances of the report, is at most
`retrain.drift.alpha`. So new data from the old source raise any alarm with at most that probability, for any number of
images. With few images only large changes can be significant. With many images the limits prevent alarms about small
significant changes. The method is a Kolmogorov-Smirnov test per summary, corrected for their number; the classifier's
outputs are among the summaries. Rabanser, Günnemann & Lipton ("Failing Loudly", NeurIPS 2019) and Lipton, Wang & Smola
(ICML 2018) found that this detects shifts best with few images.

Distances:
- labels: total variation distance of the shares; the p-value is from random divisions of all labels into old and new
  (a permutation test, so exact at any number of images).
- missing classes: the share of the classes that are absent; p-value by the hypergeometric distribution. Any missing
  class is a stop.
- new classes: labels the champion was not trained on. Any new class is a stop, whatever the number of images.
- brightness, contrast, arrangement: two-sample Kolmogorov-Smirnov distance of each image's mean, its standard
  deviation, and its correlation with the mean of all images.
- confidence: the same distance of the champion's probability of its predicted class.
- agreement: how much less often the champion agrees with the labels; Fisher's one-sided exact test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from regbench.config.drift import DriftSettings, Limits
from regbench.retraining.distances import agreement, kolmogorov_smirnov, label_shares, missing_classes, pixel_summaries
from regbench.statistics.holm import holm

Level = Literal["none", "warn", "stop"]
LEVELS: tuple[Level, ...] = ("none", "warn", "stop")

ALWAYS = Limits(warn=0, stop=0)


@dataclass(frozen=True, eq=False)
class Sample:
    """The inputs of a drift report. Each part may be empty; distances that need it are then not computed."""

    images: NDArray[np.uint8]
    """Shape (N, C, H, W), 0..255."""
    labels: tuple[str, ...]
    """Labels of the images that have one."""
    confidence: NDArray[np.float64]
    """Shape (M,), the champion's probability of its predicted class, on images it was not trained on."""
    correct: NDArray[np.bool_]
    """Shape (L,), whether the predicted class is the label."""


@dataclass(frozen=True)
class Check:
    """One distance and its verdict."""

    name: str
    distance: float
    """0..1; NaN where there is nothing to compare."""
    p_value: float
    """Holm-corrected over the report; NaN if the distance is NaN."""
    limits: Limits
    level: Level
    about: str
    """What was compared, with its numbers."""

    def __str__(self) -> str:
        """Return the check in one line."""
        return f"{self.name}: distance {self.distance:.2f}, p = {self.p_value:.2g}: {self.about}"


@dataclass(frozen=True)
class DriftReport:
    """All checks of a batch."""

    images: int
    """New images."""
    labelled: int
    """New images that have a label."""
    checks: tuple[Check, ...]

    @property
    def level(self) -> Level:
        """The worst level of any check."""
        return max((check.level for check in self.checks), key=LEVELS.index, default="none")

    @property
    def alarms(self) -> tuple[str, ...]:
        """A line for each check that warns or stops, the worst first."""
        found = sorted(self.checks, key=lambda check: -LEVELS.index(check.level))
        return tuple(f"drift ({check.level}): {check}" for check in found if check.level != "none")

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values: NaN becomes null."""
        checks = [
            {
                "name": check.name,
                "level": check.level,
                "distance": _finite(check.distance),
                "p_value": _finite(check.p_value),
                **check.limits.model_dump(),
                "about": check.about,
            }
            for check in self.checks
        ]
        return {"level": self.level, "images": self.images, "labelled": self.labelled, "checks": checks}

    def markdown(self) -> str:
        """Return the report as Markdown, as a part of a page."""
        rows = [
            f"| {check.name} | {_shown(check.distance)} | {_shown(check.p_value)} | {check.limits.warn:g} | "
            f"{check.limits.stop:g} | {'' if check.level == 'none' else f'**{check.level}**'} | {check.about} |"
            for check in self.checks
        ]
        head = f"{self.images:,} new images, {self.labelled:,} of them labelled, against the champion's training data."
        table = ["| | distance | p | warn above | stop above | verdict | |", "|---|---:|---:|---:|---:|---|---|", *rows]
        return "\n".join([head, "", *table, ""])


def drift_report(new: Sample, old: Sample, settings: DriftSettings) -> DriftReport:
    """Compare new data with the champion's data.

    `old` has the champion's training images and labels, and its answers to images it was not trained on.
    """
    measured = [
        ("labels", *label_shares(new.labels, old.labels), settings.labels),
        ("missing classes", *missing_classes(new.labels, old.labels), ALWAYS),
        *((name, *found, settings.pixels) for name, found in pixel_summaries(new.images, old.images).items()),
        ("confidence", *kolmogorov_smirnov(new.confidence, old.confidence, "mean"), settings.confidence),
        ("agreement", *agreement(new.correct, old.correct), settings.agreement),
    ]
    adjusted = holm([p_value for _, _, p_value, _, _ in measured])
    checks = [
        Check(name, distance, p, limits, _level(distance, p, limits, settings.alpha), about)
        for (name, distance, _, about, limits), p in zip(measured, adjusted, strict=True)
    ]
    return DriftReport(len(new.images), len(new.labels), (*_unknown(new.labels, old.labels), *checks))


def _level(distance: float, p_value: float, limits: Limits, alpha: float) -> Level:
    if not p_value <= alpha:  # NaN is no alarm either
        return "none"
    return "stop" if distance > limits.stop else "warn" if distance > limits.warn else "none"


def _unknown(new: Sequence[str], old: Sequence[str]) -> tuple[Check, ...]:
    known = set(old)
    unknown = [label for label in new if label not in known]
    if not unknown or not old:
        return ()
    names = ", ".join(map(repr, sorted(set(unknown))[:10]))
    about = f"{len(unknown):,} images of classes that the champion does not know: {names}"
    return (Check("new classes", len(unknown) / len(new), 0.0, ALWAYS, "stop", about),)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _shown(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else ""
