"""One comparison of two variants with pooled noise: its estimate, test, interval and plan."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, Literal, TypeVar

import numpy as np

from regbench.statistics.intervals import Difference, Interval, Sources, exact_mcnemar
from regbench.statistics.noise import SMALLEST_P
from regbench.statistics.planning import Plan, chance_to_decide, detectable, seeds_needed
from regbench.statistics.sequential import ONLY, Look
from regbench.statistics.variant_noise import DifferenceNoise, Pool
from regbench.statistics.winning import winning_probability

Verdict = Literal["better", "worse", "practically equal", "undecided"]
K = TypeVar("K", bound=Hashable)
UNKNOWN = Interval(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Comparison:
    """The gain of one variant over another, above 0 where the first is better, and the verdict.

    The interval of `difference` is simultaneous for the family. Its p-value is that of the single comparison;
    `adjusted_p` is adjusted for the family.
    """

    difference: Difference
    adjusted_p: float
    verdict: Verdict
    seeds_needed: float = np.nan
    """Seeds per variant for power 0.8 at the observed difference; NaN unless undecided, inf where no number decides."""
    wins: Interval = UNKNOWN
    """Probability that a new run of the first beats one of the second, with its interval, for this pair alone."""
    detectable: float = np.nan
    """The true difference that this comparison detects with power 0.8."""
    chance: float = np.nan
    """Probability that an undecided comparison is decided at the last planned look; NaN at the last look."""
    same_network: bool = False
    """Whether both variants are the same network, so that nothing was compared."""


@dataclass(frozen=True)
class Levels:
    """Levels of a single comparison that give the family its level: two-sided, and of each one-sided test."""

    two_sided: float
    one_sided: float
    confidence: float

    def at(self, look: Look, last: bool = False) -> "Levels":
        """Return the part of these levels that is spent at a look, or at the last planned look."""
        place = -1 if last else look.place
        two_sided, one_sided = look.levels(self.two_sided, 2)[place], look.levels(self.one_sided, 1)[place]
        return Levels(two_sided, one_sided, self.confidence)


@dataclass(frozen=True)
class Pair(Generic[K]):
    """Variant `a` minus variant `b`; `sign` is -1 where lower scores are better."""

    pool: Pool[K]
    a: K
    b: K
    noise: DifferenceNoise
    sign: int

    @property
    def gain(self) -> float:
        """Gain of `a` over `b`, above 0 where `a` is better."""
        i, j = self._places
        return self.sign * float(self.pool.means[i] - self.pool.means[j])

    @property
    def discordant(self) -> int:
        """Number of images that the two score differently."""
        first, second = self.pool.cells[self.a], self.pool.cells[self.b]
        if len(first) == len(second):
            return int(np.count_nonzero((first != second).any(0)))
        return int(np.count_nonzero(first.mean(0) != second.mean(0)))

    @cached_property
    def p_value(self) -> float:
        """Two-sided p of no difference; never below the smallest p of the sign test on the discordant images.

        One seed of 0/1 scores: the exact McNemar test.
        """
        if self.pool.one_seed and self.pool.resolution:
            won = self.pool.cells[self.a] > self.pool.cells[self.b]
            return exact_mcnemar(int(np.count_nonzero(won)), self.discordant)
        low, high = np.log(SMALLEST_P), 0.0
        for _ in range(50):  # halvings of the logarithm: 15 correct digits
            middle = (low + high) / 2
            low, high = (low, middle) if self.half_width(np.exp(middle) / 2) < abs(self.gain) else (middle, high)
        return min(1.0, max(float(np.exp(high)), 2.0 ** (1 - self.discordant)))

    def compared(self, adjusted_p: float, family: Levels, margin: float, look: Look = ONLY) -> Comparison:
        """Return the comparison at a look; the interval excludes 0 exactly where the verdict is better or worse."""
        levels = family.at(look)
        gain, rejected = self.gain, self.p_value <= levels.two_sided
        half = self.half_width(levels.two_sided / 2)
        half = min(half, abs(gain) * (1 - 1e-9)) if rejected else max(half, abs(gain))
        bound = 1.0 if self.pool.resolution else np.inf
        ends = max(-bound, gain - half), min(bound, gain + half)
        sources: Sources = "images" if self.pool.one_seed else "seeds and images"
        difference = Difference(gain, *ends, self.p_value, sources, self.discordant, None)
        found = Comparison(difference, adjusted_p, "undecided", wins=self._wins(levels.confidence))
        found = replace(found, detectable=float(detectable(self.noise, levels.two_sided)))
        if rejected:
            return replace(found, verdict="better" if gain > 0 else "worse")
        if abs(gain) + self.half_width(levels.one_sided) < margin:
            return replace(found, verdict="practically equal")
        found = replace(found, seeds_needed=seeds_needed(self._plan(levels), gain, margin, self._seeds))
        if look.is_last:
            return found
        last = self._plan(family.at(look, last=True))
        return replace(found, chance=chance_to_decide(last, self.noise, gain, margin, look.seeds[-1]))

    def half_width(self, tail: float) -> float:
        """Return half the width of an interval with `tail` beyond each end; infinite where the noise is unknown."""
        width = float(self.noise.half_width(np.asarray(tail)))
        return width if np.isfinite(width) else float("inf")

    def _wins(self, confidence: float) -> Interval:
        run, freedom = self._run
        return winning_probability(self.gain, run, freedom, float(np.sqrt(self.noise.total)), confidence)

    def _plan(self, levels: Levels) -> Plan:
        run, freedom = self._run
        own = [max(self.pool.seeds[place] - 1, 0) for place in self._places]
        borrowed = (float(freedom[0] - own[0]), float(freedom[1] - own[1]))
        images = max(self.pool.images - 1, 0)
        return Plan(run, borrowed, float(self.noise.images), images, levels.two_sided, levels.one_sided)

    @property
    def _seeds(self) -> int:
        return int(min(self.pool.seeds[place] for place in self._places))

    @property
    def _run(self) -> tuple[tuple[float, float], tuple[float, float]]:
        i, j = self._places
        variance, freedom = self.pool.run
        return (float(variance[i]), float(variance[j])), (float(freedom[i]), float(freedom[j]))

    @property
    def _places(self) -> tuple[int, int]:
        return self.pool.names.index(self.a), self.pool.names.index(self.b)
