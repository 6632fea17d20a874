"""Holm's correction for multiple comparisons."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values (1979, Scandinavian Journal of Statistics 6, 65-70).

    They keep the order of `p_values`. NaN stays NaN and does not count as a comparison. Agrees with statsmodels'
    `multipletests`. That function is not used: it runs the garbage collector at each call (50 ms, one call per variant)
    and takes 0.5 s to import.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw)  # nan last
    known = order[: int(np.count_nonzero(~np.isnan(raw)))]
    adjusted = raw.copy()
    adjusted[known] = np.minimum(1.0, np.maximum.accumulate(raw[known] * np.arange(len(known), 0, -1)))
    return [float(p) for p in adjusted]
