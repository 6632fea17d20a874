"""Compare a variant with the baseline in one sentence, the start of its run's note in MLflow."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

WORDS = {
    "better": "Better than",
    "worse": "Worse than",
    "practically equal": "Practically equal to",
    "undecided": "Not significantly different from",
}


def standing(row: Mapping[Any, Any], baseline: str, measure: str, confidence: float) -> str:
    """Return the sentence for a row of `comparison.csv`; `measure` is what the error is, such as `test error`.

    >>> row = {"verdict": "better", "gain": 0.02697, "gain_low": 0.01258, "gain_high": 0.04136}
    >>> standing(row, "baseline", "test error", 0.95)
    'Better than baseline: 2.70 points less test error (95 % interval 1.26 to 4.14).'
    """
    if isinstance(twin := row.get("same_network_as"), str) and twin:
        return f"The same network as {twin}."
    verdict = row.get("verdict")
    if pd.isna(verdict):
        return "The baseline: all other variants are compared with it."
    gain, low, high = (100 * float(row[name]) for name in ("gain", "gain_low", "gain_high"))
    seeds = float(row.get("seeds_needed", np.nan))
    more = f"; {seeds:g} seeds per variant would decide" if verdict == "undecided" and np.isfinite(seeds) else ""
    if gain < 0:
        gain, low, high, how = -gain, -high, -low, "more"
    else:
        how = "less"
    interval = f"{100 * confidence:g} % interval {low:.2f} to {high:.2f}"
    return f"{WORDS[str(verdict)]} {baseline}: {gain:.2f} points {how} {measure} ({interval}){more}."
