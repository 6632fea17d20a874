"""The gate: decide whether a challenger replaces the champion. Pure: takes predictions, returns a decision and reasons.

Both networks are scored on the same images, so the comparison is paired, image by image (McNemar's design). A promotion
must pass two one-sided tests, each at `Gate.level`. The first is the interval of `paired_difference`, which is exact at
margin 0. The second is the score test of `above_margin`, which keeps its level where few images are discordant and the
margin is not 0. Without clear evidence the champion stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regbench.config.retraining import Gate
from regbench.statistics.calibration import calibration_error
from regbench.statistics.class_losses import class_losses
from regbench.statistics.intervals import Difference, accuracy_interval, paired_difference
from regbench.statistics.margins import above_margin
from regbench.statistics.units import Units


@dataclass(frozen=True, eq=False)
class Predictions:
    """One model's predictions, size and latency."""

    probabilities: NDArray[np.float32]
    """Shape (N, K), each row summing to 1."""
    megabytes: float
    """Size of the weights, 10^6 bytes."""
    milliseconds: float
    """Median time for one image."""


@dataclass(frozen=True)
class Decision:
    """Whether the challenger becomes champion, and why."""

    promote: bool
    reasons: tuple[str, ...]
    """One sentence per reason against a promotion, or the gain."""
    difference: Difference | None = None
    """The challenger's accuracy minus the champion's; None where there was nothing to compare."""
    lost_classes: tuple[str, ...] = ()


def decide(
    champion: Predictions | None,
    challenger: Predictions,
    labels: NDArray[np.int64],
    classes: Sequence[str],
    policy: Gate,
    calibration_bins: int,
    refusals: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> Decision:
    """Evaluate a challenger on images with `labels` (N,), which are positions in `classes`.

    `champion` is None in a first run. Where images have `groups` (N,), groups are the sampling unit. `refusals` are
    reasons against a promotion that are known before, such as uncommitted code. All reasons are returned.
    """
    broken = [
        *_broken("the challenger", challenger, labels, classes),
        *(_broken("the champion", champion, labels, classes) if champion else ()),
    ]
    if broken:
        return Decision(False, (*refusals, *broken))
    against = [*refusals, *_limits(challenger, labels, policy, calibration_bins)]
    if champion is None:
        return Decision(not against, tuple(against) or ("There is no champion yet, and all limits are met.",))
    right = [answers.probabilities.argmax(1) == labels for answers in (challenger, champion)]
    units = Units.of(labels, groups or None)
    scores = [units.cells(answers[np.newaxis]) for answers in right]
    difference = paired_difference(scores[0], scores[1], 1 - 2 * policy.level)
    enough, verdict = _verdict(right[0], right[1], difference, policy)
    lost = class_losses(right[0][np.newaxis], right[1][np.newaxis], labels, policy.confidence, units)
    names = tuple(classes[label] for label in lost)
    if policy.class_veto and names:
        against.append(f"It is significantly worse on {_listed(names)}.")
    against += [] if enough else [verdict]
    return Decision(not against, tuple(against) or (verdict,), difference, names)


def summary(answers: Predictions, labels: NDArray[np.int64], confidence: float, bins: int) -> dict[str, float]:
    """Return the scores of a record: error in percent with its interval; size and latency as in `Predictions`."""
    right = answers.probabilities.argmax(1) == labels
    accuracy = accuracy_interval(right[np.newaxis], confidence)
    chosen = answers.probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return {
        "error_percent": 100 * (1 - accuracy.mean),
        "low": 100 * (1 - accuracy.high),
        "high": 100 * (1 - accuracy.low),
        "log_loss": float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean()),
        "calibration_error": calibration_error(answers.probabilities, labels, bins),
        "megabytes": answers.megabytes,
        "milliseconds": answers.milliseconds,
    }


def _broken(who: str, answers: Predictions, labels: NDArray[np.int64], classes: Sequence[str]) -> list[str]:
    """Return why predictions cannot be evaluated; nothing if they can."""
    if not len(labels):
        return ["There are no test images to judge on: data.split must leave some."]
    found = answers.probabilities
    if found.shape != (len(labels), len(classes)):
        return [f"Predictions of {who} have the shape {found.shape}, not {(len(labels), len(classes))}."]
    if not np.isfinite(found).all():
        return [f"Predictions of {who} hold a number that is not finite."]
    if (found < 0).any() or not np.allclose(found.sum(1), 1, atol=1e-3):
        return [f"Predictions of {who} are no probabilities."]
    return []


def _limits(challenger: Predictions, labels: NDArray[np.int64], policy: Gate, bins: int) -> list[str]:
    calibration = calibration_error(challenger.probabilities, labels, bins)
    limits = [
        ("Its weights take", challenger.megabytes, policy.max_megabytes or np.inf, "MB", "max_megabytes"),
        ("It takes", challenger.milliseconds, policy.max_milliseconds or np.inf, "ms an image", "max_milliseconds"),
        ("Its calibration error is", calibration, policy.max_calibration_error, "", "max_calibration_error"),
    ]
    # Written so that NaN counts as over the limit.
    return [
        f"{what} {value:.4g}{unit and f' {unit}'}: more than retrain.gate.{key} = {limit:g}."
        for what, value, limit, unit, key in limits
        if not value <= limit
    ]


def _verdict(
    challenger: NDArray[np.bool_], champion: NDArray[np.bool_], difference: Difference, policy: Gate
) -> tuple[bool, str]:
    """Return whether the accuracies support a promotion, and the reason in a sentence."""
    wins, losses = int((challenger & ~champion).sum()), int((champion & ~challenger).sum())
    images = len(challenger)
    if not wins + losses:
        return False, f"Both are right on the same of {images:,} test images: a tie keeps the champion."
    margin = (1 if policy.rule == "superiority" else -1) * policy.margin / 100
    enough = difference.low > margin and above_margin(wins, losses, images, margin) <= policy.level
    confidence = 100 * (1 - 2 * policy.level)
    interval = f"{confidence:.6g} % interval {100 * difference.low:+.2f} to {100 * difference.high:+.2f}"
    measured = (
        f"{100 * difference.mean:+.2f} points of accuracy on {images:,} test images ({interval}; only the challenger "
        f"is right on {wins:,}, only the champion on {losses:,})"
    )
    asked = {
        ("superiority", True): "significantly better",
        ("superiority", False): "not significantly better",
        ("non_inferiority", True): "significantly not worse",
        ("non_inferiority", False): "not significantly as good",
    }[policy.rule, enough]
    by = f" by {policy.margin:g} points" if policy.margin else ""
    return enough, f"The challenger is {asked}{by}: {measured}."


def _listed(names: Sequence[str]) -> str:
    return ("class " if len(names) == 1 else "classes ") + ", ".join(names)
