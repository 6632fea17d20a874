"""The columns of `comparison.csv` with verdicts against the baseline, by error and by log-loss."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.statistics.comparison import compare_pairs
from regbench.statistics.pair import Comparison
from regbench.statistics.verdicts import Standing

VERDICT_COLUMNS = (
    "verdict",
    "gain",
    "gain_low",
    "gain_high",
    "adjusted_p",
    "seeds_needed",
    "beats_baseline",
    "beats_baseline_low",
    "beats_baseline_high",
    "log_loss_verdict",
    "log_loss_gain",
    "log_loss_gain_low",
    "log_loss_gain_high",
    "log_loss_adjusted_p",
    "same_network_as",
)
"""Gains are above 0 where the variant is better: fractions of accuracy, nats of log-loss. `beats_baseline`: P(a new run
beats a new run of the baseline). `seeds_needed`: only for an undecided verdict; `inf` where no number is enough."""


def log_loss_verdicts(
    losses: Mapping[str, NDArray[np.float64]], baseline: str, confidence: float, same: Mapping[str, Hashable]
) -> dict[str, Comparison]:
    """Compare the log-loss of each variant with the baseline's, as a separate family, without a margin."""
    rivals = [name for name in losses if name != baseline]
    pairs = [(name, baseline) for name in rivals]
    found = compare_pairs(losses, pairs, confidence, lower_is_better=True, same=same)
    return dict(zip(rivals, found, strict=True))


def verdict_row(standing: Standing, log_loss: Comparison | None) -> dict[str, Any]:
    """Return the VERDICT_COLUMNS of one variant; empty for the baseline."""
    row: dict[str, Any] = {"same_network_as": standing.twin or ""}
    if (error := standing.to_baseline) is not None:
        row |= {"verdict": error.verdict, "seeds_needed": error.seeds_needed}
        row |= {"beats_baseline": error.wins.mean}
        row |= {"beats_baseline_low": error.wins.low, "beats_baseline_high": error.wins.high}
        row |= _gain("", error)
    if log_loss is not None:
        row |= {"log_loss_verdict": log_loss.verdict, **_gain("log_loss_", log_loss)}
    return row


def _gain(prefix: str, found: Comparison) -> dict[str, float]:
    ends = found.difference
    return {
        f"{prefix}gain": ends.mean,
        f"{prefix}gain_low": ends.low,
        f"{prefix}gain_high": ends.high,
        f"{prefix}adjusted_p": found.adjusted_p,
    }
