"""Finds variants that are the same network, such as a search that keeps its start and its fixed twin."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

K = TypeVar("K", bound=Hashable)


def representatives(scores: Mapping[K, ArrayLike], same: Mapping[K, Hashable] | None = None) -> dict[K, K]:
    """Map each variant to the first one with equal scores, itself in most cases.

    `same` says instead which variants are one network: those of equal value. Without a score none are equal.
    """
    first: dict[Hashable, K] = {}
    found = {}
    for name, matrix in scores.items():
        values = np.ascontiguousarray(matrix)
        if same is not None:
            key: Hashable = same[name]
        elif values.size:
            key = (values.shape, values.dtype.str, values.tobytes())
        else:
            key = (name,)
        found[name] = first.setdefault(key, name)
    return found
