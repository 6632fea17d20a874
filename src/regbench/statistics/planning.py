"""Plans seeds: the smallest detectable difference, and the seeds that an undecided comparison needs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from regbench.statistics.variant_noise import DifferenceNoise, seed_noise

Floats = NDArray[np.float64]

POWER = 0.8
MOST_SEEDS = 1000
"""Maximum number of seeds per variant; above it the answer is 'no number of seeds'."""


class Plan(NamedTuple):
    """Quantities that determine the power of one comparison; a tuple has one entry per variant."""

    run: tuple[float, float]
    """Variances of a run's score."""
    borrowed: tuple[float, float]
    """Degrees of freedom of these variances, minus those of the variant's own seeds."""
    images: float
    """Variance of the difference from images; more seeds do not lower it."""
    image_freedom: float
    level: float
    """Two-sided level of this one comparison within its family."""
    equal_level: float
    """One-sided level of each of the two tests of practical equality within the family."""


def detectable(noise: DifferenceNoise, level: float, power: float = POWER) -> Floats:
    """Return the true difference that a two-sided test at `level` detects with `power`, by quantiles of Student's t."""
    return noise.half_width(np.asarray(level / 2), np.asarray(1 - power))


def seeds_needed(plan: Plan, difference: float, margin: float, now: int, power: float = POWER) -> float:
    """Return the seeds per variant that would decide a comparison with `power`, if `difference` were the true one.

    Decided: significantly different, or practically equal within `margin`. The result is above the `now` seeds of the
    comparison. It is inf if no number up to MOST_SEEDS is enough, for example because of the image noise alone.

    >>> runs = {"run": (0.005**2, 0.005**2), "borrowed": (8.0, 8.0), "image_freedom": 999.0}
    >>> plan = Plan(**runs, images=0.002**2, level=0.05, equal_level=0.05)
    >>> seeds_needed(plan, difference=0.01, margin=0, now=3)
    7.0
    >>> seeds_needed(plan, difference=0.002, margin=0, now=3)
    inf
    """
    noise = _with_seeds(plan, np.arange(max(2, now + 1), MOST_SEEDS + 1, dtype=np.float64))
    decided = abs(difference) >= detectable(noise, plan.level, power)
    if margin > abs(difference):
        error, width = np.sqrt(noise.total), noise.half_width(np.asarray(plan.equal_level))
        ends = [stdtr(noise.freedom, (margin + side * difference - width) / error) for side in (-1, 1)]
        decided |= ends[0] + ends[1] - 1 >= power
    return max(2, now + 1) + float(decided.argmax()) if decided.any() else float("inf")


def chance_to_decide(plan: Plan, now: DifferenceNoise, difference: float, margin: float, seeds: int) -> float:
    """Return the probability that a comparison with the noise `now` is decided once both have `seeds`.

    Predictive power (Spiegelhalter, Freedman & Blackburn 1986, Controlled Clinical Trials 7, 8-17): the future
    difference is normal around the present one, with the variance that the additional seeds may add.
    """
    then = _with_seeds(plan, np.array([seeds], dtype=np.float64))
    spread = np.sqrt(np.maximum(now.seeds - then.seeds, np.finfo(np.float64).tiny))
    reach = then.half_width(np.asarray(plan.level / 2))
    inside = margin - then.half_width(np.asarray(plan.equal_level))
    significant = ndtr((difference - reach) / spread) + ndtr((-difference - reach) / spread)
    equal = ndtr((inside - difference) / spread) - ndtr((-inside - difference) / spread)
    chance = float((significant + np.where(inside > 0, equal, 0)).item())
    return min(1.0, chance) if np.isfinite(chance) else 1.0  # With unknown noise, more seeds always help.


def _with_seeds(plan: Plan, seeds: Floats) -> DifferenceNoise:
    """Return the noise that the comparison would have with each of `seeds`."""
    run = [np.full(seeds.shape, variance) for variance in plan.run]
    freedom = [seeds - 1 + borrowed for borrowed in plan.borrowed]
    by_seeds, degrees = seed_noise((run[0], run[1]), (freedom[0], freedom[1]), (seeds, seeds))
    return DifferenceNoise(
        by_seeds, np.full(seeds.shape, plan.images), degrees, np.full(seeds.shape, plan.image_freedom)
    )
