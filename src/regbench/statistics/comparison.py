"""Compares pairs of variants as one family, by any score per seed and image: differences, verdicts, seeds needed.

A verdict is one of four. Better, worse: the simultaneous interval excludes 0. Practically equal: no significant
difference, and the interval of two one-sided tests (Schuirmann 1987), also simultaneous, lies inside +-margin.
Undecided: neither; then `seeds_needed` says how many seeds would decide it at the observed difference. Over the family,
the probability of any wrong 'better' or 'worse' is at most 1 - confidence. The same holds for 'practically equal'.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regbench.statistics.family import Sides, adjusted_p, critical_level
from regbench.statistics.intervals import Difference, Sources, check_confidence
from regbench.statistics.pair import Comparison, Levels, Pair
from regbench.statistics.sequential import ONLY, Look
from regbench.statistics.twins import representatives
from regbench.statistics.variant_noise import DifferenceNoise, Pool

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)
SIDES: tuple[Sides, Sides] = (2, 1)


def compare_pairs(
    scores: Mapping[K, ArrayLike],
    pairs: Sequence[tuple[K, K]],
    confidence: float,
    margin: float = 0.0,
    lower_is_better: bool = False,
    same: Mapping[K, Hashable] | None = None,
    look: Look = ONLY,
) -> list[Comparison]:
    """Compare the first of each pair with the second; all pairs are one family.

    >>> random = np.random.default_rng(0)
    >>> losses = {name: random.normal(mean, 0.2, (5, 1000)) for name, mean in {"plain": 0.3, "l2": 0.2}.items()}
    >>> (found,) = compare_pairs(losses, [("l2", "plain")], confidence=0.95, lower_is_better=True)
    >>> found.verdict, round(found.difference.mean, 2)
    ('better', 0.1)

    Args:
        scores: by variant (seeds, images), booleans or numbers; all variants see the same images, the number of seeds
            may differ. The noise is pooled over all variants in `scores`, also those that are in no pair.
        pairs: pairs of variants; pairs of the same networks count once.
        confidence: confidence of the family.
        margin: differences below it are of no practical interest, in units of the score; 0: all are of interest.
        lower_is_better: true for losses; a gain is then how much lower the first is.
        same: see `representatives`.
        look: which of several planned looks at the same pairs this is; the family keeps its level over all of them.

    Raises:
        ValueError: shapes do not fit each other, or `confidence` is outside (0, 1).
    """
    check_confidence(confidence)
    network = representatives(scores, same)
    pool = Pool.of({name: scores[name] for name in dict.fromkeys(network.values())})
    named = [(network[a], network[b]) for a, b in pairs]
    return compare_networks(pool, named, confidence, margin, lower_is_better, look)


def compare_networks(
    pool: Pool[K],
    pairs: Sequence[tuple[K, K]],
    confidence: float,
    margin: float = 0.0,
    lower_is_better: bool = False,
    look: Look = ONLY,
) -> list[Comparison]:
    """Compare pairs of a pool of distinct networks, as `compare_pairs`; a pair of one name is the same network."""
    rivals: dict[K, list[K]] = {}
    for a, b in dict.fromkeys(pairs):
        if a != b and not pool.empty:
            rivals.setdefault(b, []).append(a)
    noises = {b: pool.difference(b, names) for b, names in rivals.items()}
    groups = [loadings(pool, b, noise) for b, noise in noises.items()]
    two_sided, one_sided = (float(critical_level(groups, 1 - confidence, sides)) for sides in SIDES)
    levels = Levels(two_sided, one_sided, confidence)
    found = {}
    for b, names in rivals.items():
        for place, a in enumerate(names):
            pair = pair_of(pool, a, b, noises[b], place, lower_is_better)
            found[a, b] = pair.compared(float(adjusted_p(np.asarray(pair.p_value), groups)), levels, margin, look)
    return [_unseen(pool, a == b) if a == b or pool.empty else found[a, b] for a, b in pairs]


def compare_with_best(pool: Pool[K], name: K, best: K, confidence: float, lower_is_better: bool = False) -> Comparison:
    """Test whether `name` is worse than `best`, which was selected as the best of the pool on the same images.

    Any other variant could have been selected. So the family is `name` against all of them, one-sided: multiple
    comparisons with the best (Hsu 1984, Annals of Statistics 12, 1136-1144). The truly best variant is called worse
    with probability 1 - confidence at most, whichever variant was selected.
    """
    if pool.empty or name == best:
        return _unseen(pool, name == best)
    others = [other for other in pool.names if other != name]
    noise = pool.difference(name, others)
    groups = [loadings(pool, name, noise)]
    level = float(critical_level(groups, 1 - confidence, 1))
    pair = pair_of(pool, name, best, noise, others.index(best), lower_is_better)
    one_sided = pair.p_value / 2 if pair.gain < 0 else 1.0
    return pair.compared(float(adjusted_p(np.asarray(one_sided), groups, 1)), Levels(2 * level, level, confidence), 0.0)


def loadings(pool: Pool[K], shared: K, noise: DifferenceNoise) -> Floats:
    """Return the correlation of each difference with the shared variant's mean over seeds."""
    index = pool.names.index(shared)
    part = pool.run.variance[index] / max(pool.seeds[index], 1)
    known = np.isfinite(noise.total) & (noise.total > 0)
    return np.asarray(np.sqrt(np.where(known, part / np.where(known, noise.total, 1), 0)))


def pair_of(pool: Pool[K], a: K, b: K, noise: DifferenceNoise, place: int, lower_is_better: bool) -> Pair[K]:
    """Return the pair whose noise is at index `place` of `noise`."""
    return Pair(pool, a, b, DifferenceNoise(*(part[place] for part in noise)), -1 if lower_is_better else 1)


def _unseen(pool: Pool[K], same: bool) -> Comparison:
    """Return the comparison of a network with itself, or of variants without images."""
    sources: Sources = "images" if pool.one_seed else "seeds and images"
    if same and not pool.empty:
        return Comparison(Difference(0.0, 0.0, 0.0, 1.0, sources, 0, None), 1.0, "practically equal", same_network=True)
    return Comparison(Difference(np.nan, np.nan, np.nan, np.nan, sources, 0, None), np.nan, "undecided", np.inf)
