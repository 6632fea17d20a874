"""Accuracy against size: whether a regularizer that makes weights zero makes the model smaller, and at what price."""

from pathlib import Path

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.comparison import Comparison
from regbench.report.drawing import GREY, TELLING, inline
from regbench.report.tables import required, table

COLUMNS = ("variant", "error_percent", "low", "high", "zero_weights", "dead_units", "compressed_bytes", "parameters")


def compression(comparison: Comparison, evaluation: Path) -> pd.DataFrame:
    """Return a row a variant with the columns COLUMNS, smallest file first: means over seeds.

    `zero_weights` is the fraction of hidden kernel entries that are exactly 0, `dead_units` how many hidden units
    nothing reaches or leaves, `compressed_bytes` the saved weights after compression. Errors are in percent, `low` and
    `high` the ends of the comparison's interval.
    """
    rows = []
    for _, row in comparison.table.iterrows():
        scores = required(evaluation / str(row["variant"]) / "scores.csv", table)
        rows.append(
            {
                "variant": row["variant"],
                "error_percent": row["test_error_percent"],
                "low": 100 * (1 - row["test_accuracy_high"]),
                "high": 100 * (1 - row["test_accuracy_low"]),
                **{name: float(scores[name].mean()) for name in COLUMNS[4:]},
            }
        )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values("compressed_bytes", kind="stable", ignore_index=True)


def compression_rows(found: pd.DataFrame, comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells; sizes beside the baseline's."""
    whole = found.set_index("variant")["compressed_bytes"][comparison.baseline]
    header = ["variant", "MB compressed", f"of {comparison.baseline} %", "zeros %", "dead units"]
    header.append(f"{comparison.measure} %")
    rows = [
        [
            str(row["variant"]),
            f"{row['compressed_bytes'] / 1e6:.2f}",
            f"{100 * row['compressed_bytes'] / whole:.0f}",
            f"{100 * row['zero_weights']:.1f}",
            f"{row['dead_units']:.0f}",
            f"{row['error_percent']:.2f}",
        ]
        for _, row in found.iterrows()
    ]
    return header, rows


def compression_chart(found: pd.DataFrame, comparison: Comparison) -> ChartType:
    """Draw each variant's error with its interval over the megabytes of its compressed weights."""
    points = found.assign(megabytes=found["compressed_bytes"] / 1e6)
    sparse = points["zero_weights"] > 0.01
    x = alt.X("megabytes:Q", title="compressed weights, MB", scale=alt.Scale(zero=False, padding=30))
    error = alt.Y("low:Q", title=f"{comparison.split} error, %", scale=alt.Scale(zero=False, padding=12))
    base = alt.Chart(inline(points.assign(sparse=sparse))).encode(
        x=x, color=alt.when(alt.datum["sparse"]).then(alt.value(TELLING)).otherwise(alt.value(GREY))
    )
    tooltip = ["variant:N", *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("megabytes", "error_percent"))]
    # Variants without zeros share one place and would overprint each other's names; the baseline speaks for them.
    named = (alt.datum["sparse"]) | (alt.datum["variant"] == comparison.baseline)
    return alt.layer(
        base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(y=error, y2="high:Q"),
        base.mark_point(size=70, filled=True, opacity=1).encode(y="error_percent:Q", tooltip=tooltip),
        base.transform_filter(named)
        .mark_text(align="left", dx=8, dy=-8, fontSize=12)
        .encode(y="error_percent:Q", text="variant:N"),
    ).properties(width=640, height=320, title="Error against size; blue: more than 1 % of the weights are exactly 0")
