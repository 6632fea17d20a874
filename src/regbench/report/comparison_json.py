"""Converts a comparison to plain values, for comparison.json."""

from typing import Any

import numpy as np

from regbench.report.comparison import Comparison


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return the table and its settings as plain values; all accuracies and differences are fractions."""
    judgement = comparison.judgement
    versus = {
        name: {
            "difference": found.difference.mean,
            "low": found.difference.low,
            "high": found.difference.high,
            "adjusted_p": found.adjusted_p,
            "verdict": found.verdict,
            "seeds_needed": found.seeds_needed if np.isfinite(found.seeds_needed) else None,
            "same_network": found.same_network,
        }
        for name, found in comparison.verdicts.items()
    }
    # JSON has no NaN and no infinity.
    finite = comparison.table.replace([np.inf, -np.inf], np.nan).astype(object)
    rows = finite.where(finite.notna(), None).to_dict(orient="records")
    return {
        "baseline": comparison.baseline,
        "best": comparison.best,
        "tied_with_best": [name for name in comparison.order if name in judgement.tie_set],
        "confidence": comparison.confidence,
        "images": comparison.images,
        "seeds": list(comparison.seeds),
        "split": comparison.split,
        "variants": [{**row, "versus_baseline": versus.get(str(row["variant"]))} for row in rows],
    }
