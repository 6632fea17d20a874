"""Estimates the variance over seeds of each variant's score, moderated by the variances of the other variants.

Four seeds give a variance with only three degrees of freedom. Variants of one comparison have similar variances, so
each can borrow from the others: empirical Bayes with a scaled inverse chi-square prior of location s0^2 and d0 degrees
of freedom (Smyth 2004, limma, Statistical Applications in Genetics 3, 3). Two changes keep the level where variances
differ; the simulation behind them is `benchmarks/verdicts.py`:

- A variance with d degrees of freedom takes at most 0.75 d (d + 1) of the prior's: two seeds cannot contradict a wrong
  prior. Below 18 variants the limit decreases. With two variants, each keeps its own variance: Welch's test.
- Robustness (compare Phipson et al. 2016, Annals of Applied Statistics 10, 946-963): the prior's weight drops to zero
  for a variance well above the prior's location. Such a variant keeps its own variance and its own degrees of freedom.

All functions take leading axes, one comparison each, before the axis of the variants.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]

SHARE = 0.75
"""The prior adds at most SHARE d (d + 1) degrees of freedom to d own ones."""
MANY = 18
"""Number of variants from which the full limit applies."""
CLOSE, STEEP = 1.75, 8
"""A variance up to CLOSE times the prior's location agrees with it; above, the weight falls with the power STEEP."""


class Moderated(NamedTuple):
    """Variances of one run's score and their degrees of freedom, both (..., variants).

    0 degrees of freedom: one seed, whose variance is the mean of the others' variances, a guess for planning only.
    """

    variance: Floats
    freedom: Floats


class Prior(NamedTuple):
    """Location s0^2 and degrees of freedom d0 of the variances, both (...)."""

    location: Floats
    freedom: Floats


def fit_prior(variances: Floats, freedom: Floats) -> Prior:
    """Fit the prior to sample `variances` (..., variants) with `freedom` (variants,) degrees of freedom, all above 0.

    The location is the pooled variance. d0 follows from the spread of the log variances beyond sampling error: Smyth's
    moment equation, weighted for unequal seeds (DerSimonian & Laird 1986). Fewer than three variants: d0 = 0, no
    borrowing. No spread beyond sampling error: d0 = inf, pooling.
    """
    count = len(freedom)
    location = (variances * freedom).sum(-1) / freedom.sum()
    if count < 3:
        return Prior(location, np.zeros_like(location))
    sampling = polygamma(1, freedom / 2)
    weights = 1 / sampling
    smallest = np.maximum(1e-3 * location[..., np.newaxis], np.finfo(np.float64).tiny)
    logs = np.log(np.maximum(variances, smallest)) - digamma(freedom / 2) + np.log(freedom / 2)
    centre = (weights * logs).sum(-1) / weights.sum()
    spread = (weights * (logs - centre[..., np.newaxis]) ** 2).sum(-1)
    excess = (spread - (count - 1)) / (weights.sum() - (weights**2).sum() / weights.sum())
    pooled = excess < 1e-6
    return Prior(location, np.where(pooled, np.inf, 2 * inverse_trigamma(np.where(pooled, 1.0, excess))))


def moderate(variances: Floats, freedom: Floats, prior: Prior, variants: int) -> Moderated:
    """Combine the variants' own sample variances with the prior, weighted by degrees of freedom.

    `variants` is the number of variants in the fit of the prior; see the module for the limits of the prior's weight.
    """
    location, strength = prior.location[..., np.newaxis], prior.freedom[..., np.newaxis]
    limit = SHARE * freedom * (freedom + 1) * np.clip((variants - 2) / (MANY - 2), 0, 1) ** 1.5
    agreement = np.minimum(1, CLOSE * location / np.maximum(variances, np.finfo(np.float64).tiny)) ** STEEP
    weight = np.minimum(strength, limit) * agreement
    total = weight + freedom
    known = total > 0
    combined = (weight * location + freedom * variances) / np.where(known, total, 1)
    return Moderated(np.where(known, combined, location), total)


def seed_variances(variances: Floats, freedom: Floats, floor: Floats) -> Moderated:
    """Return the moderated variances of one run's score, by variant.

    `variances` (..., variants) are sample variances over seeds of the mean over images, with `freedom` (variants,), 0
    for one seed. `floor` (..., variants) is the variance if all images were independent; no variance can be below it.
    """
    several = freedom > 0
    if not several.any():
        return Moderated(np.zeros_like(variances), np.zeros_like(variances))
    prior = fit_prior(variances[..., several], freedom[several])
    found = moderate(variances, freedom, prior, int(np.count_nonzero(several)))
    return Moderated(np.maximum(found.variance, floor), found.freedom)


def inverse_trigamma(values: Floats) -> Floats:
    """Solve trigamma(x) = value for x by Newton's method on 1 / trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / np.asarray(values, dtype=np.float64)
    for _ in range(20):
        trigamma = polygamma(1, x)
        x = x + trigamma * (1 - trigamma / values) / polygamma(2, x)
    return np.asarray(x, dtype=np.float64)
