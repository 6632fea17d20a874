"""Verdicts in words: which variants are better than the baseline, tied with the best, and recommended."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regbench.statistics.class_losses import ClassLoss, class_losses
from regbench.statistics.comparison import compare_networks, compare_with_best
from regbench.statistics.intervals import Interval, accuracy_interval, check_confidence
from regbench.statistics.noise import Cells, as_cells
from regbench.statistics.pair import Comparison
from regbench.statistics.twins import representatives
from regbench.statistics.units import Units
from regbench.statistics.variant_noise import Pool


@dataclass(frozen=True)
class Standing:
    """The results of one variant: its accuracy, and its comparisons with the baseline and with the best.

    The baseline and the best are not compared with themselves; then the field is None. `twin` is the earlier variant
    that is the same network, if any. `lost_classes` maps each class on which the variant is significantly worse than
    the baseline to its comparison there.
    """

    accuracy: Interval
    to_baseline: Comparison | None
    to_best: Comparison | None
    lost_classes: Mapping[int, ClassLoss]
    twin: str | None = None

    @property
    def vetoed(self) -> bool:
        """True where a class is lost, even if the variant wins on average."""
        return bool(self.lost_classes)

    @property
    def better(self) -> bool:
        """True where the variant is significantly better than the baseline."""
        return self.to_baseline is not None and self.to_baseline.verdict == "better"


@dataclass(frozen=True)
class Judgement:
    """The conclusions of a comparison; variants keep the order in which they were given.

    `tie_set` has the best variant and all that are not significantly worse. `recommendation` is a member of it. It is
    chosen by these criteria in order: no veto, significantly better than the baseline, simplest, most accurate.
    `smallest_detectable` is the true accuracy difference to the baseline that is detected with power 0.8 within the
    family, as the median over the variants; NaN without other variants or images.
    """

    baseline: str
    best: str
    standings: Mapping[str, Standing]
    tie_set: tuple[str, ...]
    recommendation: str
    smallest_detectable: float
    confidence: float


def judge(
    correct: Mapping[str, ArrayLike],
    labels: ArrayLike,
    baseline: str,
    complexity: Mapping[str, int],
    confidence: float = 0.95,
    margin: float = 0.0,
    same: Mapping[str, Hashable] | None = None,
    units: Units | None = None,
) -> Judgement:
    """Evaluate all variants, each a boolean (seeds, images); the images are the same, in the same order.

    >>> random = np.random.default_rng(0)
    >>> labels = random.integers(10, size=1000)
    >>> correct = {name: random.random((5, 1000)) < right for name, right in {"baseline": 0.9, "l2": 0.95}.items()}
    >>> judgement = judge(correct, labels, "baseline", complexity={"baseline": 0, "l2": 1})
    >>> judgement.best, judgement.recommendation, judgement.standings["l2"].to_baseline.verdict
    ('l2', 'l2', 'better')

    Args:
        correct: whether each seed's network is right on each image, by variant.
        labels: class index of each image (N,).
        baseline: the variant that the others are compared with.
        complexity: number of active strengths of each variant; fewer is simpler.
        confidence: level of intervals and verdicts, in (0, 1); without images the results are NaN and "undecided".
        margin: accuracy differences below it are of no practical interest.
        same: variants with equal values are the same network; None: those with equal `correct`.
        units: sampling units and their weights; None: the images, all alike. `accuracy` is then that of the units.

    Raises:
        ValueError: the baseline or a complexity is missing, or shapes differ.
    """
    check_confidence(confidence)
    images = {name: as_cells(scores, name) for name, scores in correct.items()}
    _check(images, baseline, complexity)
    units = Units.of(labels) if units is None else units
    cells = {name: units.cells(scores, name) for name, scores in images.items()}
    network = representatives(cells, same)
    pool = Pool.of({name: cells[name] for name in dict.fromkeys(network.values())})
    means = {name: float(scores.mean()) if scores.size else 0.0 for name, scores in cells.items()}
    best = min(means, key=lambda name: (-means[name], complexity[name]))
    rivals = [name for name in cells if name != baseline]
    pairs = [(network[name], network[baseline]) for name in rivals]
    to_baseline = dict(zip(rivals, compare_networks(pool, pairs, confidence, margin), strict=True))
    to_best = {
        name: compare_with_best(pool, network[name], network[best], confidence) for name in cells if name != best
    }
    standings = {
        name: Standing(
            accuracy_interval(scores, confidence),
            to_baseline.get(name),
            to_best.get(name),
            _lost(images[name], images[baseline], labels, confidence, units),
            network[name] if network[name] != name else None,
        )
        for name, scores in cells.items()
    }
    ties = tuple(name for name in cells if name == best or to_best[name].verdict != "worse")
    recommendation = min(
        ties,
        key=lambda name: (standings[name].vetoed, not standings[name].better, complexity[name], -means[name]),
    )
    return Judgement(baseline, best, standings, ties, recommendation, _smallest(to_baseline), confidence)


def _lost(scores: Cells, baseline: Cells, labels: ArrayLike, confidence: float, units: Units) -> dict[int, ClassLoss]:
    """Return the lost classes, by a comparison per class over the seeds that both have, in order."""
    seeds = min(len(scores), len(baseline))
    return class_losses(scores[:seeds], baseline[:seeds], labels, confidence, units)


def _smallest(to_baseline: Mapping[str, Comparison]) -> float:
    sizes = [found.detectable for found in to_baseline.values() if not np.isnan(found.detectable)]
    return float(np.median(sizes)) if sizes else float("nan")


def _check(cells: Mapping[str, Cells], baseline: str, complexity: Mapping[str, int]) -> None:
    if baseline not in cells:
        raise ValueError(f"baseline = {baseline}: must be one of {', '.join(cells)}")
    if missing := [name for name in cells if name not in complexity]:
        raise ValueError(f"complexity lacks {', '.join(missing)}: every variant needs one")
