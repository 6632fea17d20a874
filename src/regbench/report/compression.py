"""Size of the compressed weights beside the error: does sparsity make the model smaller?"""

from pathlib import Path

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.comparison import Comparison
from regbench.report.drawing import GREY, TELLING, inline, row_axis, row_height, wide
from regbench.report.tables import required, table

COLUMNS = ("variant", "error_percent", "low", "high", "zero_weights", "dead_units", "compressed_bytes", "parameters")
SPARSE = 0.01
"""Share of zero weights from which a variant counts as sparse."""


def compression(comparison: Comparison, evaluation: Path) -> pd.DataFrame:
    """Return a row per variant with the columns COLUMNS, smallest file first: means over seeds.

    `zero_weights` is the fraction of hidden kernel entries that are exactly 0. `dead_units` is the number of hidden
    units with only zero weights in or out. `compressed_bytes` is the size of the saved weights after compression.
    Errors are in percent, `low` and `high` the ends of the comparison's interval.
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
    """Return the header and the formatted cells; sizes are also relative to the baseline's."""
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


def compression_charts(found: pd.DataFrame, comparison: Comparison) -> tuple[ChartType, ChartType]:
    """Draw the megabytes of each variant's compressed weights, smallest first, and its error with its interval."""
    order = [str(name) for name in found["variant"]]
    sparse = found["zero_weights"] > SPARSE
    rows = alt.Y("variant:N", title=None, scale=alt.Scale(domain=order), axis=alt.Axis(ticks=False, domain=False))
    base = alt.Chart(inline(found.assign(megabytes=found["compressed_bytes"] / 1e6, sparse=sparse))).encode(
        y=rows, color=alt.when(alt.datum["sparse"]).then(alt.value(TELLING)).otherwise(alt.value(GREY))
    )
    numbers = {"megabytes": "MB", "error_percent": "error, %", "zero_weights": "zeros"}
    tooltip = [
        alt.Tooltip("variant:N"),
        *(alt.Tooltip(f"{name}:Q", title=title, format=".2f") for name, title in numbers.items()),
    ]
    ticks = row_axis(len(order), None)
    sizes = base.mark_bar(height={"band": 0.6}).encode(
        x=alt.X("megabytes:Q", title="compressed weights, MB", axis=ticks), tooltip=tooltip
    )
    error = alt.X("low:Q", title=f"{comparison.measure}, %", scale=alt.Scale(zero=False, padding=12), axis=ticks)
    errors = alt.layer(
        base.mark_rule(strokeWidth=2.5).encode(x=error, x2=alt.X2("high:Q")),
        base.mark_point(size=75, filled=True, opacity=1).encode(x=alt.X("error_percent:Q"), tooltip=tooltip),
    )
    height = row_height(len(order))
    return (
        wide(sizes.properties(height=height, title="Size"), None),
        wide(errors.properties(height=height, title="Error, in the same order"), None),
    )
