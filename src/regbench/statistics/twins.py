"""Finds variants that are the same network: a search that keeps its start values equals its fixed twin bit for bit."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

K = TypeVar("K", bound=Hashable)


def representatives(scores: Mapping[K, ArrayLike], same: Mapping[K, Hashable] | None = None) -> dict[K, K]:
    """Map each variant to the first one with equal scores, which is itself in most cases.

    If `same` is given, variants with equal values in it are the same network. Variants without scores are never equal.
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
