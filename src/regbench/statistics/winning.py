"""P(A beats B): the probability that a new run of one variant scores higher than a new run of another."""

import numpy as np
from scipy.special import ndtr, ndtri

from regbench.statistics.intervals import Interval


def winning_probability(
    difference: float, run: tuple[float, float], freedom: tuple[float, float], error: float, confidence: float
) -> Interval:
    """Return P(a new run of A scores above a new run of B), with its interval.

    Bouthillier et al. 2021 (arXiv 2103.03098) recommend this probability, and count pairs of runs. With few seeds that
    count is coarse, so here scores are assumed normal: P = Phi(delta), delta = difference / sqrt(v_a + v_b), with `run`
    variances v and their degrees of `freedom`. The interval of delta is that of Reiser & Guttman (1986, Technometrics
    28, 253-257); it uses the variance of `difference`, which is `error` squared, and that of v_a + v_b. NaN where the
    runs do not vary, or their variance is unknown.

    >>> wins = winning_probability(0.01, run=(0.01**2, 0.01**2), freedom=(6, 6), error=0.004, confidence=0.95)
    >>> round(wins.mean, 2), round(wins.low, 2), round(wins.high, 2)
    (0.76, 0.53, 0.91)
    """
    total = run[0] + run[1]
    if not (total > 0 and min(freedom) > 0 and np.isfinite(difference)):
        return Interval(np.nan, np.nan, np.nan)
    delta = difference / np.sqrt(total)
    degrees = total**2 / (run[0] ** 2 / freedom[0] + run[1] ** 2 / freedom[1])
    half = float(ndtri((1 + confidence) / 2)) * np.sqrt(error**2 / total + delta**2 / (2 * degrees))
    return Interval(float(ndtr(delta)), float(ndtr(delta - half)), float(ndtr(delta + half)))
