"""Calibration: whether the accuracy of a variant's networks equals their confidence."""

from pathlib import Path

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.comparison import Comparison
from regbench.report.drawing import GREY, TELLING, inline, panels
from regbench.report.tables import required, table

COLUMNS = ("variant", "bin", "images", "confidence", "accuracy")
SIDE = 120
"""Pixels of a diagram."""
MOST = 23
"""Maximum number of diagrams, besides the baseline's; the table has all variants."""


def calibration(comparison: Comparison, evaluation: Path) -> pd.DataFrame:
    """Return a row per variant, best first, and bin of confidence with the columns COLUMNS, over all seeds together."""
    tables = [required(evaluation / name / "reliability.csv", table).assign(variant=name) for name in comparison.order]
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def calibration_rows(
    found: pd.DataFrame, comparison: Comparison, evaluation: Path
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells: confidence, accuracy, and the fitted temperature."""
    header = ["variant", "ECE %", "log-loss", "confidence %", "accuracy %", "temperature"]
    rows = []
    for _, row in comparison.table.iterrows():
        own = found[found["variant"] == row["variant"]]
        sure, right = ((own[name] * own["images"]).sum() / own["images"].sum() for name in ("confidence", "accuracy"))
        temperature = required(evaluation / str(row["variant"]) / "scores.csv", table)["temperature"].mean()
        numbers = [f"{100 * row['calibration_error']:.2f}", f"{row['log_loss']:.4f}"]
        rows.append([str(row["variant"]), *numbers, f"{100 * sure:.2f}", f"{100 * right:.2f}", f"{temperature:.2f}"])
    return header, rows


def calibration_chart(found: pd.DataFrame, comparison: Comparison) -> ChartType:
    """Draw a reliability diagram per variant: accuracy over confidence; a calibrated network is on the diagonal.

    Of many variants, the best MOST and the baseline are drawn.
    """
    shown = [name for name in comparison.order if name in {*comparison.order[:MOST], comparison.baseline}]
    unit = alt.Scale(domain=[0, 1])
    ticks = alt.Axis(values=[0, 0.5, 1], format="%")
    base = alt.Chart(inline(found[found["variant"].isin(shown)]))
    diagonal = base.mark_rule(color=GREY, strokeDash=[4, 3]).encode(
        x=alt.value(0), y=alt.value(SIDE), x2=alt.value(SIDE), y2=alt.value(0)
    )
    numbers = [alt.Tooltip(f"{name}:Q", format=".1%") for name in ("confidence", "accuracy")]
    points = base.mark_line(color=TELLING, strokeWidth=1.5).encode(
        x=alt.X("confidence:Q", title=None, scale=unit, axis=ticks),
        y=alt.Y("accuracy:Q", title=None, scale=unit, axis=ticks),
    )
    sized = base.mark_point(color=TELLING, filled=True, opacity=0.8).encode(
        x=alt.X("confidence:Q"),
        y=alt.Y("accuracy:Q"),
        size=alt.Size(
            "images:Q",
            title="images",
            scale=alt.Scale(type="log", range=[8, 120]),
            legend=alt.Legend(orient="top", tickCount=3),
        ),
        tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("images:Q", format=","), *numbers],
    )
    part = f" (best {MOST} and {comparison.baseline})" if len(shown) < len(comparison.order) else ""
    title = f"accuracy over confidence, {comparison.split} images, all seeds{part}"
    return panels(alt.layer(diagonal, points, sized).properties(width=SIDE, height=SIDE), shown, title, SIDE + 80)
