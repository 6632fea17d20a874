"""Repeated looks at one comparison while its number of seeds grows: the part of the level that each look may spend.

Repeated tests after each seed, until a difference is significant, find one in the end even if there is none. So each
look spends only a part of the level: of a level a, a t^RHO may be spent up to the look with the fraction t of all
planned seeds (Lan & DeMets 1983, Biometrika 70, 659-663; this power family: Kim & DeMets 1987, Biometrika 74, 149-154).
A look rejects below a p-value that follows from the joint distribution of the looks, by recursive integration
(Armitage, McPherson & Rowe 1969, JRSS A 132, 235-244): the standardized differences are a Brownian motion at the times
t. Image noise does not shrink with the seeds. It makes the looks more alike than that, which is safe. Student's t
enters by its p-values (Jennison & Turnbull 2000, Group Sequential Methods, section 4.4).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from regbench.statistics.family import Floats, Sides

RHO = 1.5
"""Power of the spending function: a larger value spends less of the level early."""
FAR = 9.0
"""Lower end of a one-sided motion's range, in standard deviations; the probability below it is negligible."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(120)


@dataclass(frozen=True)
class Look:
    """One of several planned looks at the same comparisons."""

    seeds: tuple[int, ...]
    """Number of seeds of each variant at each planned look, rising."""
    place: int
    """Index of this look among the planned looks, from 0."""

    @property
    def is_last(self) -> bool:
        """Whether no look is planned after this one."""
        return self.place == len(self.seeds) - 1

    def levels(self, level: float, sides: Sides) -> tuple[float, ...]:
        """Return the p-value at which each planned look rejects; `level` is the probability that any look rejects."""
        if len(self.seeds) == 1 or not 0 < level < 1:
            return (level,) * len(self.seeds)
        return nominal_levels(level, tuple(count / self.seeds[-1] for count in self.seeds), sides)


ONLY = Look((0,), 0)
"""One look: the level is spent at once."""


@cache
def nominal_levels(level: float, times: tuple[float, ...], sides: Sides = 2) -> tuple[float, ...]:
    """Return the p-value at which the look at each of `times`, rising to 1, rejects; the test has `sides` sides."""
    found: list[float] = []
    nodes, mass, before, spent = np.zeros(1), np.ones(1), 0.0, 0.0
    for time in times:
        allowed = level * time**RHO - spent
        step = np.sqrt(time - before)
        bound = _bound(nodes, mass, float(step), allowed, float(np.sqrt(time)), sides)
        found.append(float(sides * ndtr(-bound / np.sqrt(time))))
        low = -bound if sides == 2 else -FAR * np.sqrt(time)
        grid, widths = _grid(float(low), bound)
        density = np.exp(-(((grid[:, np.newaxis] - nodes) / step) ** 2) / 2) / (step * np.sqrt(2 * np.pi))
        nodes, mass = grid, widths * (density @ mass)
        before, spent = time, spent + allowed
    return tuple(found)


def _bound(nodes: Floats, mass: Floats, step: float, allowed: float, scale: float, sides: Sides) -> float:
    """Return the bound that the motion, now at `nodes` with `mass`, crosses with probability `allowed`."""

    def excess(bound: float) -> float:
        out = ndtr((nodes - bound) / step)
        if sides == 2:
            out = out + ndtr((-bound - nodes) / step)
        return float(out @ mass) - allowed

    highest = -scale * float(ndtri(allowed / sides / 1e3))
    return float(brentq(excess, 0.0, highest, xtol=1e-12)) if excess(highest) < 0 else highest


def _grid(low: float, high: float) -> tuple[Floats, Floats]:
    """Return the nodes and weights of an integral from `low` to `high`."""
    half = (high - low) / 2
    return half * _NODES + (high + low) / 2, half * _WEIGHTS
