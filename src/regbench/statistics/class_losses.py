"""Finds the classes on which a variant is significantly worse than another, even if it wins on average."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from regbench.statistics.holm import holm
from regbench.statistics.intervals import Difference, paired_difference
from regbench.statistics.noise import as_cells
from regbench.statistics.units import Units


@dataclass(frozen=True)
class ClassLoss:
    """The difference on the images of one class, and its p-value after Holm's correction over the classes."""

    difference: Difference
    adjusted_p: float
    verdict: Literal["worse"] = "worse"


def class_losses(
    a: ArrayLike, baseline: ArrayLike, labels: ArrayLike, confidence: float, units: Units | None = None
) -> dict[int, ClassLoss]:
    """Return the classes on which variant `a` is significantly worse than the baseline; both are boolean (S, N).

    `labels` (N,) holds class indices. There is one `paired_difference` per class, Holm-corrected over the classes that
    occur. So a harmless variant is flagged with probability (1 - confidence) / 2 at most. Where `units` has groups,
    groups are the sampling unit.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    cells, reference, classes = as_cells(a, "a"), as_cells(baseline, "baseline"), np.asarray(labels)
    if classes.shape != cells.shape[1:]:
        raise ValueError(f"labels has shape {classes.shape}: must be (images,) = {cells.shape[1:]}")
    present = [int(label) for label in np.unique(classes)]
    units = Units.of(classes) if units is None else units
    differences = []
    for label in present:
        chosen = classes == label
        own = units.of_class(chosen)
        differences.append(paired_difference(own.cells(cells[:, chosen]), own.cells(reference[:, chosen]), confidence))
    adjusted = holm([difference.p_value for difference in differences])
    return {
        label: ClassLoss(difference, p)
        for label, difference, p in zip(present, differences, adjusted, strict=True)
        if p <= 1 - confidence and difference.mean < 0
    }
