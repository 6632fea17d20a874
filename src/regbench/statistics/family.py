"""Computes joint critical values for comparisons that share a variant, such as all variants against the baseline.

Dunnett (1955): let Z_i be the standardized differences from one shared variant. Then corr(Z_i, Z_j) = l_i l_j, where
l_i^2 is the shared variant's part of the variance of difference i. Given the shared part u, the Z_i are independent, so

    P(all |Z_i| <= c) = E_u prod_i [Phi((c - l_i u) / r_i) - Phi((-c - l_i u) / r_i)],   r_i^2 = 1 - l_i^2,

This is one integral, over a grid of step 0.2, exact to ten digits for normal differences. l^2 is capped at 0.95; a
smaller l^2 is safe. Differences with Student's t enter by their p-values (a normal copula). Ignoring correlation is
conservative (Sidak 1967). Two correlations are ignored: that from images that are hard for the shared variant alone,
and that between groups with different shared variants. Adjusted p-values and intervals use a single step, so an
interval excludes 0 exactly where the test rejects.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Sides = Literal[1, 2]

_NODES = np.linspace(-7, 7, 71)
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()
_LARGEST = 0.95**0.5
_NUMBERS = 10_000
"""Numbers that are computed at once, about."""


def joint_confidence(limit: Floats, groups: Sequence[Floats], sides: Sides = 2) -> Floats:
    """Return P(no standardized difference exceeds `limit`) for a family of groups.

    `limit` has shape (...). `groups` has, for each shared variant, the loadings l (..., differences).
    """
    total = np.ones_like(limit)
    for group in groups:
        loadings = np.minimum(group, _LARGEST)
        rest = np.sqrt(1 - loadings**2)
        held = np.zeros_like(limit)
        # Many nodes at once where the arrays are small: the time then goes into calls, not into numbers.
        at_once = max(1, _NUMBERS // max(1, rest.size))
        for start in range(0, len(_NODES), at_once):
            nodes, weights = (grid[start : start + at_once] for grid in (_NODES, _WEIGHTS))
            shifts = np.multiply.outer(nodes, loadings)
            below = ndtr((limit[..., np.newaxis] - shifts) / rest)
            if sides == 2:
                below = below - ndtr((-limit[..., np.newaxis] - shifts) / rest)
            for weight, product in zip(weights, below.prod(-1), strict=True):
                held = held + weight * product
        total = total * held
    return total


def adjusted_p(p_values: Floats, groups: Sequence[Floats], sides: Sides = 2) -> Floats:
    """Adjust p-values (...) for the whole family of `groups`; `sides` says whether they are one- or two-sided."""
    limit = np.asarray(-ndtri(np.clip(p_values, 1e-300, 1) / sides))
    joint = 1 - joint_confidence(limit, groups, sides)
    count = sum(group.shape[-1] for group in groups)
    # Below 1e-9 the subtraction loses most digits; Bonferroni's bound keeps all of them.
    return np.asarray(np.where(count * p_values < 1e-9, np.minimum(1, count * p_values), np.clip(joint, p_values, 1)))


def critical_level(groups: Sequence[Floats], alpha: float, sides: Sides = 2) -> Floats:
    """Return the p-value (...) of a single comparison at which the whole family has level `alpha`; NaN without any."""
    count = sum(group.shape[-1] for group in groups)
    if not count:
        return np.full((), np.nan)
    shape = groups[0].shape[:-1]
    low = np.full(shape, float(ndtri(1 - alpha / sides)))
    high = np.full(shape, float(-ndtri(alpha / sides / count)))
    f_low, f_high = (joint_confidence(end, groups, sides) - (1 - alpha) for end in (low, high))
    for _ in range(10):  # regula falsi, the Illinois variant
        step = np.where(f_high != f_low, f_high / np.where(f_high != f_low, f_high - f_low, 1), 0)
        middle = high - step * (high - low)
        f_middle = joint_confidence(middle, groups, sides) - (1 - alpha)
        crossed = f_middle * f_high < 0
        low, f_low = np.where(crossed, high, low), np.where(crossed, f_high, f_low / 2)
        high, f_high = middle, f_middle
    return np.asarray(sides * ndtr(-high))
