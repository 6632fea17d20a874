"""Units of sampling: images of equal weight, images weighted by class, or groups of images."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regbench.statistics.noise import Cells, as_cells

Score = Literal["error", "balanced_error"]


@dataclass(frozen=True, eq=False)
class Units:
    """Converts scores of images to scores of units; the plain mean over units is the requested score."""

    weights: NDArray[np.float64]
    """Weight of each image, mean 1."""
    unit: NDArray[np.int64]
    """Index of the unit of each image, 0 to units - 1."""

    @staticmethod
    def of(labels: ArrayLike, groups: ArrayLike | None = None, score: Score = "error") -> "Units":
        """Return the units of images with these class indices and groups, both (N,); "" is no group.

        `balanced_error` weights an image by n / (classes that occur * images of its class), so all classes count
        equally: the mean is then scikit-learn's balanced accuracy, the mean recall. Groups, such as patients, are
        sampled as a whole, so all images of a group are one unit (Cochran 1977, 'Sampling techniques', ch. 9).

        >>> Units.of([0, 0, 0, 1], score="balanced_error").weights
        array([0.66666667, 0.66666667, 0.66666667, 2.        ])
        >>> len(Units.of([0, 0, 0, 1], groups=["Ann", "Ann", "", "Bob"]))
        3
        """
        classes = np.asarray(labels)
        weights = np.ones(len(classes))
        if score == "balanced_error" and len(classes):
            _, place, counts = np.unique(classes, return_inverse=True, return_counts=True)
            weights = len(classes) / (len(counts) * counts[place])
        unit = np.arange(len(classes))
        if groups is not None:
            names = [group or index for index, group in enumerate(np.asarray(groups, dtype=object).tolist())]
            first = {name: number for number, name in enumerate(dict.fromkeys(names))}
            unit = np.array([first[name] for name in names], dtype=np.int64)
        return Units(weights, unit)

    def __len__(self) -> int:
        """Return how many units there are."""
        return int(self.unit.max()) + 1 if len(self.unit) else 0

    def cells(self, scores: ArrayLike, name: str = "scores") -> Cells:
        """Convert scores of images (S, N) to scores of units (S, U).

        A unit's score is the sum over its images of weight * score, times U / N: units of many images count for more.

        Raises:
            ValueError: `scores` is not (seeds, images) with one image per weight.
        """
        cells = as_cells(scores, name)
        if cells.shape[1] != len(self.weights):
            raise ValueError(f"{name} has shape {cells.shape}: must be (seeds, {len(self.weights)})")
        weighted = cells * self.weights
        if len(self) == len(self.weights):
            return weighted
        sums = np.zeros((len(cells), len(self)))
        np.add.at(sums.T, self.unit, weighted.T)
        return sums * (len(self) / len(self.weights))

    def of_class(self, chosen: NDArray[np.bool_]) -> "Units":
        """Return the units of some of the images, unweighted."""
        _, unit = np.unique(self.unit[chosen], return_inverse=True)
        return Units(np.ones(int(chosen.sum())), unit.astype(np.int64))
