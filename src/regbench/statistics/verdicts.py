"""Verdicts in words: which variants are better than the baseline, which tie with the best, and which to recommend.

Selection: the best-looking variant is chosen on the very images that judge it, so its lead is partly luck. A variant
leaves the tie set only if the one-sided p of its deficit, times the V - 1 rivals that could have come out on top, stays
below 1 - confidence (multiple comparisons with the best: Hsu 1984, Annals of Statistics 12, 1136-1144, with Bonferroni
in place of equal variances). Thus the truly best variant is in the tie set at least at `confidence`, whichever variant
happens to look best. Against the baseline, which nobody selected, Holm's correction of the two-sided p-values suffices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from regbench.statistics.intervals import Difference, Interval, accuracy_interval, paired_difference
from regbench.statistics.noise import Cells, as_cells

Verdict = Literal["better", "worse", "cannot tell"]
K = TypeVar("K")


@dataclass(frozen=True)
class Comparison:
    """A variant's difference to another, its p-value corrected for the number of comparisons, and the verdict.

    The interval of the difference is not corrected, so it may leave 0 out where the verdict is "cannot tell".
    """

    difference: Difference
    adjusted_p: float
    verdict: Verdict


@dataclass(frozen=True)
class Standing:
    """How one variant stands: its accuracy, and its comparisons with the baseline and with the best.

    The baseline has no comparison with itself, nor has the best; then the field is None. `lost_classes` maps each class
    on which the variant is significantly worse than the baseline to its comparison there.
    """

    accuracy: Interval
    to_baseline: Comparison | None
    to_best: Comparison | None
    lost_classes: Mapping[int, Comparison]

    @property
    def vetoed(self) -> bool:
        """True where a class is lost, even if the variant wins on average."""
        return bool(self.lost_classes)


@dataclass(frozen=True)
class Judgement:
    """The conclusions of a comparison; variants keep the order in which they were given.

    `tie_set` are the best variant and all that cannot be told from it. `recommendation` is its simplest member without
    a veto (of all members, if each has one); equally simple members are ranked by accuracy. `smallest_detectable` is
    the median over the variants of the true difference to the baseline, in accuracy, that one comparison finds with
    power 0.8 at the level of Holm's first step, (1 - confidence) / (V - 1); nan without rivals or images.
    """

    baseline: str
    best: str
    standings: Mapping[str, Standing]
    tie_set: tuple[str, ...]
    recommendation: str
    smallest_detectable: float
    confidence: float


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (1979, Scandinavian Journal of Statistics 6, 65-70), in the given order.

    A nan stays nan and does not count as a comparison. Agrees with statsmodels' `multipletests`, which is not called
    because it collects garbage at each call (50 ms, a call a variant) and takes half a second to import.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw)  # nan last
    known = order[: int(np.count_nonzero(~np.isnan(raw)))]
    adjusted = raw.copy()
    adjusted[known] = np.minimum(1.0, np.maximum.accumulate(raw[known] * np.arange(len(known), 0, -1)))
    return [float(p) for p in adjusted]


def compare_pairs(correct: Mapping[K, ArrayLike], pairs: Sequence[tuple[K, K]], confidence: float) -> list[Comparison]:
    """Compare the first of each pair with the second, Holm-corrected over the pairs; `correct` as `judge` takes it."""
    return _corrected([paired_difference(correct[a], correct[b], confidence) for a, b in pairs], confidence)


def class_losses(a: ArrayLike, baseline: ArrayLike, labels: ArrayLike, confidence: float) -> dict[int, Comparison]:
    """Return the classes on which variant `a` is significantly worse than the baseline; both are boolean (S, N).

    `labels` (N,) holds class indices. One `paired_difference` a class, Holm-corrected over the classes that occur, so
    that a harmless variant is flagged with probability (1 - confidence) / 2 at most.

    Raises:
        ValueError: shapes that do not fit each other.
    """
    cells, reference, classes = as_cells(a, "a"), as_cells(baseline, "baseline"), np.asarray(labels)
    if classes.shape != cells.shape[1:]:
        raise ValueError(f"labels has shape {classes.shape}: must be (images,) = {cells.shape[1:]}")
    present = [int(label) for label in np.unique(classes)]
    differences = [
        paired_difference(cells[:, classes == label], reference[:, classes == label], confidence) for label in present
    ]
    comparisons = dict(zip(present, _corrected(differences, confidence), strict=True))
    return {label: comparison for label, comparison in comparisons.items() if comparison.verdict == "worse"}


def judge(
    correct: Mapping[str, ArrayLike],
    labels: ArrayLike,
    baseline: str,
    complexity: Mapping[str, int],
    confidence: float = 0.95,
) -> Judgement:
    """Judge all variants, each a boolean (S, N) of the same seeds and test images in the same order.

    Args:
        correct: whether each seed's network is right on each image, by variant.
        labels: class index of each image (N,).
        baseline: the variant that the others are measured against.
        complexity: number of active strengths of each variant; the fewer, the simpler.
        confidence: level of intervals and verdicts, in (0, 1); no image at all gives nan and "cannot tell".

    Raises:
        ValueError: the baseline or a complexity is missing, or shapes differ.
    """
    cells = {name: as_cells(scores, name) for name, scores in correct.items()}
    _check(cells, baseline, complexity)
    means = {name: float(scores.mean()) if scores.size else 0.0 for name, scores in cells.items()}
    best = min(means, key=lambda name: (-means[name], complexity[name]))
    to_baseline = _against_baseline(cells, baseline, confidence)
    to_best = {
        name: _against_best(paired_difference(scores, cells[best], confidence), len(cells) - 1, confidence)
        for name, scores in cells.items()
        if name != best
    }
    standings = {
        name: Standing(
            accuracy_interval(scores, confidence),
            to_baseline.get(name),
            to_best.get(name),
            class_losses(scores, cells[baseline], labels, confidence),
        )
        for name, scores in cells.items()
    }
    ties = tuple(name for name in cells if name == best or to_best[name].verdict == "cannot tell")
    recommendation = min(ties, key=lambda name: (standings[name].vetoed, complexity[name], -means[name]))
    smallest = _smallest_detectable(to_baseline, confidence)
    return Judgement(baseline, best, standings, ties, recommendation, smallest, confidence)


def _against_baseline(cells: Mapping[str, Cells], baseline: str, confidence: float) -> dict[str, Comparison]:
    rivals = [name for name in cells if name != baseline]
    return dict(zip(rivals, compare_pairs(cells, [(name, baseline) for name in rivals], confidence), strict=True))


def _against_best(difference: Difference, rivals: int, confidence: float) -> Comparison:
    """One-sided, since the best-looking variant is ahead by construction; times the rivals it was chosen from."""
    adjusted = min(1.0, difference.p_value / 2 * rivals)  # min(1.0, nan) is 1.0
    return Comparison(difference, adjusted, "worse" if adjusted <= 1 - confidence else "cannot tell")


def _corrected(differences: Sequence[Difference], confidence: float) -> list[Comparison]:
    adjusted = holm([difference.p_value for difference in differences])
    return [
        Comparison(difference, p, _verdict(difference.mean, p, confidence))
        for difference, p in zip(differences, adjusted, strict=True)
    ]


def _verdict(mean: float, p_value: float, confidence: float) -> Verdict:
    if not p_value <= 1 - confidence:  # so written that nan cannot tell
        return "cannot tell"
    return "better" if mean > 0 else "worse"


def _smallest_detectable(to_baseline: Mapping[str, Comparison], confidence: float) -> float:
    level = (1 - confidence) / max(1, len(to_baseline))
    noises = [comparison.difference.noise for comparison in to_baseline.values()]
    sizes = [noise.detectable(level) for noise in noises if noise is not None]
    return float(np.median(sizes)) if sizes else float("nan")


def _check(cells: Mapping[str, Cells], baseline: str, complexity: Mapping[str, int]) -> None:
    if baseline not in cells:
        raise ValueError(f"baseline = {baseline}: must be one of {', '.join(cells)}")
    if missing := [name for name in cells if name not in complexity]:
        raise ValueError(f"complexity lacks {', '.join(missing)}: every variant needs one")
    shapes = {scores.shape for scores in cells.values()}
    if len(shapes) > 1:
        listed = ", ".join(f"{name} {scores.shape}" for name, scores in cells.items())
        raise ValueError(f"the variants differ in (seeds, images): {listed}")
