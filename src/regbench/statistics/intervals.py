"""Intervals for accuracies, and paired differences between variants, over both sources of noise: seeds and test images.

The method, its source and how it was tested are in `regbench.statistics.noise`. All accuracies and differences are
fractions, not percent.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, ndtri, stdtrit

from regbench.statistics.noise import Cells, Noise, as_cells, crossed_noise

Sources = Literal["seeds and images", "images"]


@dataclass(frozen=True)
class Interval:
    """A mean and the two ends of its interval; an end is NaN where the data do not determine it."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Accuracy of one variant minus that of another, with its interval, two-sided p-value and noise.

    `sources` names the sources of noise in the interval and the p-value: with one seed it is the images alone.
    `discordant` counts the images that the two variants score differently with at least one seed. Without seeds or
    images all numbers are NaN and the noise is None. The noise is also None where variants pool it (`comparison`).
    """

    mean: float
    low: float
    high: float
    p_value: float
    sources: Sources
    discordant: int
    noise: Noise | None


def mean_interval(values: ArrayLike, confidence: float) -> Interval:
    """Return Student's t interval for the expectation of S independent values, e.g. one score per seed.

    One value gives its mean with NaN ends. No value, or a NaN among the values, gives NaN throughout.

    >>> found = mean_interval([0.96, 0.97, 0.95], confidence=0.95)
    >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
    (0.96, 0.935, 0.985)

    Raises:
        ValueError: `values` is not one-dimensional, or `confidence` is outside (0, 1).
    """
    check_confidence(confidence)
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"values has shape {scores.shape}: must be (seeds,)")
    mean = float(scores.mean()) if scores.size else np.nan
    if scores.size < 2:
        return Interval(mean, np.nan, np.nan)
    half = float(stdtrit(scores.size - 1, (1 + confidence) / 2) * scores.std(ddof=1) / np.sqrt(scores.size))
    return Interval(mean, mean - half, mean + half)


def accuracy_interval(correct: ArrayLike, confidence: float) -> Interval:
    """Return the interval for the expected accuracy over new seeds and new test images.

    `correct` is (S, N): booleans, or scores of units whose mean is in [0, 1] (`regbench.statistics.units`).

    The half-width of `regbench.statistics.noise` implies an effective number of images. Wilson's score formula (1927)
    is applied with this number, as for clustered samples (Korn & Graubard 1998). So the interval stays inside [0, 1]
    and never has width 0. One seed gives Wilson's interval itself, which accounts for image noise only. Where all cells
    are right, or all are wrong, the N images count once, for any number of seeds. No image or no seed gives NaN.

    >>> right = np.array([[True] * 95 + [False] * 5])
    >>> found = accuracy_interval(right, confidence=0.95)
    >>> found.mean, round(found.low, 3), round(found.high, 3)
    (0.95, 0.888, 0.978)

    Raises:
        ValueError: `correct` is not (seeds, images), or `confidence` is outside (0, 1).
    """
    check_confidence(confidence)
    cells = as_cells(correct, "correct")
    if not cells.size:
        return Interval(np.nan, np.nan, np.nan)
    p = float(cells.mean())
    if 0 < p < 1:
        half = _accuracy_noise(cells).half_width(confidence)
        ratio = half**2 / (p * (1 - p))
    else:
        half, ratio = 0.0, float(ndtri((1 + confidence) / 2)) ** 2 / cells.shape[1]
    centre = (p + ratio / 2) / (1 + ratio)
    bent = float(np.sqrt(half**2 + ratio**2 / 4)) / (1 + ratio)
    return Interval(p, max(0.0, min(p, centre - bent)), min(1.0, max(p, centre + bent)))


def paired_difference(a: ArrayLike, b: ArrayLike, confidence: float) -> Difference:
    """Compare the accuracies of two variants that share seeds and test images; `a` and `b` are boolean (S, N).

    The cells are a - b in {-1, 0, 1}, so effects of a seed or an image on both variants cancel. The interval and the
    p-value are those of `regbench.statistics.noise`, with two guards for few discordant images. The half-width is at
    least that of one image won and none lost (z / N; Agresti & Min 2005 also add one discordant pair). The p-value of n
    discordant images is at least the smallest p of the sign test, 2^(1 - n).

    With one seed, the only noise is that of the images, see `sources`. Then the p-value is that of the exact McNemar
    test (statsmodels' `mcnemar`); for scores of groups (`regbench.statistics.units`) it is that of the interval.
    The interval always includes 0 where the p-value is above 1 - confidence. No seed or no image gives NaN.

    Raises:
        ValueError: the shapes differ or are not (seeds, images), or `confidence` is outside (0, 1).
    """
    check_confidence(confidence)
    first, second = as_cells(a, "a"), as_cells(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"a has shape {first.shape}, b has shape {second.shape}: must be the same (seeds, images)")
    cells = first - second
    sources: Sources = "seeds and images" if len(cells) > 1 else "images"
    if not cells.size:
        return Difference(np.nan, np.nan, np.nan, np.nan, sources, 0, None)
    noise = crossed_noise(cells)
    noise = replace(noise, floor=max(noise.floor, 1 / noise.n_images**2))
    mean, half = float(cells.mean()), noise.half_width(confidence)
    discordant = int(np.count_nonzero(cells.any(axis=0)))
    if len(cells) == 1 and (np.abs(cells) <= 1).all() and (cells % 1 == 0).all():
        p_value = exact_mcnemar(int(np.count_nonzero(cells > 0)), discordant)
    else:
        p_value = max(noise.p_value(mean), min(1.0, 2.0 ** (1 - discordant)))
    if p_value > 1 - confidence:
        half = max(half, abs(mean))
    return Difference(mean, max(-1.0, mean - half), min(1.0, mean + half), p_value, sources, discordant, noise)


def _accuracy_noise(cells: Cells) -> Noise:
    """Return the noise of an accuracy; for one seed of booleans the binomial variance, as in Wilson's interval."""
    if cells.shape[0] > 1 or not ((cells == 0) | (cells == 1)).all():
        return crossed_noise(cells)
    p = float(cells.mean())
    return Noise(0.0, 0.0, p * (1 - p) / cells.size, *cells.shape)


def exact_mcnemar(wins: int, discordant: int) -> float:
    """Return the exact two-sided p of McNemar's test: `wins` of the discordant images against a fair coin.

    >>> exact_mcnemar(wins=9, discordant=10)
    0.021484375
    """
    return min(1.0, 2 * float(bdtr(min(wins, discordant - wins), discordant, 0.5)))


def check_confidence(confidence: float) -> None:
    """Raise ValueError for a confidence outside (0, 1)."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence = {confidence}: must be in (0, 1)")
