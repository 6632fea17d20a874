"""Estimates the noise of each variant's mean score, and of the difference of two, over seeds and test images.

As in `regbench.statistics.noise`, cell (seed s, image i) = expectation + seed effect + image effect + remainder. The
variances over seeds of the variants of one comparison are moderated towards each other (`seed_variance`). The
difference of variants a and b has the variance

    v_a / S_a + v_b / S_b + (variance over images of the difference of the image effects) / N.

The last part is the variance over images of the difference of the means over seeds, minus the contribution of the
seeds' remainders. The variants are not paired by seed: seeds that two variants share explain only 15 % of the variance
of a run on the default data, and pairing halves the degrees of freedom.

The seeds' part has Satterthwaite's degrees of freedom (1946). For unequal numbers of seeds they are at most f_small +
f_large (d_small / d_large)^2, where d are the variants' own degrees of freedom: Satterthwaite's are too many if one
variant has few seeds and the other many. The images' part has N - 1 degrees of freedom. Each part has its own quantile
of Student's t, which is safe in any mixture (Banerjee 1960, see `noise`).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from regbench.statistics.noise import Cells, as_cells
from regbench.statistics.seed_variance import Moderated, seed_variances

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)


class DifferenceNoise(NamedTuple):
    """Variances of a difference, by source, and their degrees of freedom; all have the same shape.

    0 degrees of freedom: the variance is a guess, so an interval is infinite.
    """

    seeds: Floats
    images: Floats
    freedom: Floats
    image_freedom: Floats

    @property
    def total(self) -> Floats:
        """The variance of the difference."""
        return self.seeds + self.images

    def half_width(self, *tails: Floats) -> Floats:
        """Return the root of the summed squares, each part times the sum of its upper quantiles at `tails`."""
        squares = np.zeros_like(self.seeds)
        for part, freedom in ((self.seeds, self.freedom), (self.images, self.image_freedom)):
            quantiles = sum(_upper(freedom, tail) for tail in tails)
            with np.errstate(invalid="ignore"):  # inf times 0 counts as no noise
                squares = squares + np.where(part == 0, 0, quantiles**2 * part)
        return np.asarray(np.sqrt(squares))


def seed_noise(
    variances: tuple[Floats, Floats], freedom: tuple[Floats, Floats], seeds: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return the seeds' part of a difference and its degrees of freedom, from variances per run and seed counts."""
    parts = [variance / count for variance, count in zip(variances, seeds, strict=True)]
    total = parts[0] + parts[1]
    own = [np.maximum(count - 1, 0) for count in seeds]
    ratio = np.minimum(*own) / np.maximum(np.maximum(*own), 1)
    most = np.minimum(*freedom) + np.maximum(*freedom) * ratio**2
    with np.errstate(divide="ignore", invalid="ignore"):
        satterthwaite = total**2 / (parts[0] ** 2 / freedom[0] + parts[1] ** 2 / freedom[1])
    return total, np.where(np.minimum(*freedom) > 0, np.fmin(satterthwaite, most), 0.0)


def _upper(freedom: Floats, tail: Floats) -> Floats:
    """Return the upper quantile of Student's t; infinite without degrees of freedom."""
    return np.where(freedom > 0, -stdtrit(np.maximum(freedom, 1e-9), tail), np.inf)


@dataclass(frozen=True)
class Pool(Generic[K]):
    """The pooled noise of the variants of one comparison; arrays have an entry per variant, in the order of `names`."""

    names: tuple[K, ...]
    cells: Mapping[K, Cells]
    means: Floats
    seeds: Floats
    run: Moderated
    """Variance of the score of one run, which is the mean over images."""
    remainder: Floats
    """Variance of one cell's remainder."""
    images: int
    resolution: float
    """Smallest standard deviation of a difference: for 0/1 scores one image won and none lost; 0 for other scores."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to compare: no image, or a variant without seeds."""
        return not self.images or bool((self.seeds == 0).any())

    @property
    def one_seed(self) -> bool:
        """Whether no variant has a second seed, so that only the image noise is known."""
        return bool((self.seeds < 2).all())

    @classmethod
    def of(cls, scores: Mapping[K, ArrayLike]) -> "Pool[K]":
        """Estimate the noise of `scores`, (seeds, images) by variant: booleans or numbers, the same images for all.

        Raises:
            ValueError: a variant is not (seeds, images), or the numbers of images differ.
        """
        cells = {name: as_cells(matrix, str(name)) for name, matrix in scores.items()}
        if len({matrix.shape[1] for matrix in cells.values()}) > 1:
            listed = ", ".join(f"{name} {matrix.shape}" for name, matrix in cells.items())
            raise ValueError(f"the variants differ in images: {listed} (seeds, images)")
        images = next((matrix.shape[1] for matrix in cells.values()), 0)
        seeds = np.array([len(matrix) for matrix in cells.values()], dtype=np.float64)
        means = np.array([matrix.mean() if matrix.size else np.nan for matrix in cells.values()])
        remainder = np.array([_remainder(matrix) for matrix in cells.values()])
        own = np.array([matrix.mean(1).var(ddof=1) if len(matrix) > 1 and images else 0.0 for matrix in cells.values()])
        run = seed_variances(own, np.maximum(seeds - 1, 0), remainder / max(images, 1))
        binary = all(((matrix == 0) | (matrix == 1)).all() for matrix in cells.values())
        return cls(tuple(cells), cells, means, seeds, run, remainder, images, binary / max(images, 1))

    def difference(self, a: K, others: list[K]) -> DifferenceNoise:
        """Return the noise of `a` minus each of `others`.

        If all variants have one seed, it is the variance over images, which includes the remainders.
        """
        i, j = self.names.index(a), np.array([self.names.index(name) for name in others], dtype=np.int64)
        seeds = (np.broadcast_to(self.seeds[i], j.shape), self.seeds[j])
        profile = self.cells[a].mean(0)
        over_images = np.array(
            [(profile - self.cells[b].mean(0)).var(ddof=1) if self.images > 1 else np.nan for b in others]
        )
        excess = over_images - self.remainder[i] / seeds[0] - self.remainder[j] / seeds[1]
        by_seeds, freedom = seed_noise(
            (np.broadcast_to(self.run.variance[i], j.shape), self.run.variance[j]),
            (np.broadcast_to(self.run.freedom[i], j.shape), self.run.freedom[j]),
            seeds,
        )
        by_images = np.maximum(np.maximum(excess, 0) / max(self.images, 1), self.resolution**2 - by_seeds)
        return DifferenceNoise(by_seeds, by_images, freedom, np.full(j.shape, max(self.images - 1.0, 0)))


def _remainder(cells: Cells) -> float:
    """Return the mean square of the cells minus their row and column means: 0 with one seed."""
    rows, columns = cells.shape
    if rows < 2 or columns < 2:
        return 0.0
    rest = cells - cells.mean(0) - cells.mean(1, keepdims=True) + cells.mean()
    return float((rest**2).sum() / ((rows - 1) * (columns - 1)))
