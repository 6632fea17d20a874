"""Intervals for accuracies and their paired differences that carry both sources of noise: seeds and test images.

Every cell (seed s, image i) is scored once, so the design is two-way crossed with random rows and columns (Owen 2007,
'The pigeonhole bootstrap', arXiv 0712.1111; Searle, Casella & McCulloch 1992, 'Variance components', chapter 4):

    cell = expectation + seed effect + image effect + remainder
    Var(mean) = [var(seed means) / S]  +  [image variance / N]  =  v_seeds + v_images

`v_seeds` is what the seed t-test knows (S - 1 degrees of freedom). `v_images` is what it misses: images that are hard
under every seed. The half-width h of an interval adds the two, each with its own t quantile:

    h^2 = t(S - 1)^2 v_seeds + t(N - 1)^2 v_images,   and at least   z^2 var(cells) / (S N)

Banerjee (1960, 'Simplified confidence interval for the two-means problem', Calcutta Statistical Association Bulletin)
proved that such a sum covers at least at its level, whatever the mixture: P(chi2(1) <= x) is concave in x, so Jensen's
inequality reduces any mixture to its pure cases. The floor holds because dependent cells never tell more than
independent ones. All accuracies and differences are fractions, not percent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean and the two ends of its interval; an end that the data cannot give is nan."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Noise:
    """The estimated variance of a grand mean, by source; `floor` is what independent cells would give.

    One seed cannot separate the sources: then `seeds` is 0 and `images` holds what one network shows.
    """

    seeds: float
    images: float
    floor: float
    n_seeds: int
    n_images: int

    @property
    def total(self) -> float:
        """Variance of the grand mean."""
        return max(self.seeds + self.images, self.floor)

    def half_width(self, confidence: float) -> float:
        """Half the width of the interval at `confidence` (Banerjee 1960, with the floor)."""
        upper = (1 + confidence) / 2
        squared = _t_squared(self.n_seeds - 1, upper) * self.seeds + _t_squared(self.n_images - 1, upper) * self.images
        return float(np.sqrt(max(squared, ndtri(upper) ** 2 * self.floor)))


def mean_interval(values: ArrayLike, confidence: float) -> Interval:
    """Student's t interval for the expectation of S independent values, e.g. one score a seed.

    One value gives its mean with nan ends, no value gives nan throughout; a nan among the values makes all nan.

    Raises:
        ValueError: `values` is not one-dimensional, or `confidence` is outside (0, 1).
    """
    _check_confidence(confidence)
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"values has shape {scores.shape}: must be (seeds,)")
    mean = float(scores.mean()) if scores.size else np.nan
    if scores.size < 2:
        return Interval(mean, np.nan, np.nan)
    half = float(stdtrit(scores.size - 1, (1 + confidence) / 2) * scores.std(ddof=1) / np.sqrt(scores.size))
    return Interval(mean, mean - half, mean + half)


def accuracy_interval(correct: ArrayLike, confidence: float) -> Interval:
    """Interval for the expected accuracy over new seeds and new test images; `correct` is boolean (S, N).

    The half-width of the module's docstring, bent by Wilson's score formula (1927) with the effective number of images
    that this half-width implies, as for clustered samples (Korn & Graubard 1998), so that it stays inside [0, 1] and
    never has width 0. One seed gives Wilson's interval itself, which carries image noise only. Where every cell is
    right, or every cell wrong, the N images count once, however many the seeds. No image or no seed gives nan.

    Raises:
        ValueError: `correct` is not (seeds, images), or `confidence` is outside (0, 1).
    """
    _check_confidence(confidence)
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


def crossed_noise(cells: Cells) -> Noise:
    """Estimate the variance of the grand mean of `cells` (S, N) in the crossed design, by source.

    The image part is the covariance of two seeds' cells, averaged over the pairs of seeds: what the images do under
    every seed. A negative estimate counts as 0.
    """
    n_seeds, n_images = cells.shape
    floor = float(cells.var()) / cells.size
    if n_images < 2 or n_seeds < 2:
        images = float(cells.mean(axis=0).var()) / max(n_images - 1, 1)
        return Noise(0.0, images, floor, n_seeds, n_images)
    within = float(cells.var(axis=1, ddof=1).mean())
    together = float(cells.mean(axis=0).var(ddof=1))
    images = max(0.0, (n_seeds * together - within) / (n_seeds - 1)) / n_images
    return Noise(float(cells.mean(axis=1).var(ddof=1)) / n_seeds, images, floor, n_seeds, n_images)


def as_cells(scores: ArrayLike, name: str) -> Cells:
    """Return the 0/1 scores as floats (S, N); ValueError names what is not two-dimensional."""
    cells = np.asarray(scores, dtype=np.float64)
    if cells.ndim != 2:
        raise ValueError(f"{name} has shape {cells.shape}: must be (seeds, images)")
    return cells


def _accuracy_noise(cells: Cells) -> Noise:
    """One seed: the binomial variance, so that the bent interval is Wilson's own."""
    if cells.shape[0] > 1:
        return crossed_noise(cells)
    p = float(cells.mean())
    return Noise(0.0, 0.0, p * (1 - p) / cells.size, *cells.shape)


def _t_squared(freedom: int, upper: float) -> float:
    return float(stdtrit(freedom, upper)) ** 2 if freedom > 0 else 0.0


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence = {confidence}: must be in (0, 1)")
