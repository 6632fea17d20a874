"""Draws rows in a fixed order, each with its error and its gain over the row that it is compared with."""

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.drawing import GREY, INK, TELLING, few_ticks, inline, row_height

COLUMNS = ["name", "error", "error_low", "error_high", "gain", "gain_low", "gain_high", "told"]


def pair_chart(rows: pd.DataFrame, split: str) -> ChartType:
    """Draw errors and gains with their intervals; the order is that of `rows`, as in the table.

    `rows` has COLUMNS: percent and points; `told` is whether the gain is significant. A row without a comparison has
    NaN gains.
    """
    order = alt.Scale(domain=list(rows["name"]))

    def y(labels: bool) -> alt.Y:
        axis = alt.Axis(labels=labels, ticks=False, domain=False, labelLimit=420)
        return alt.Y("name:N", title=None, scale=order, axis=axis)

    ticks = alt.Axis(tickCount=few_ticks(400))
    errors = alt.Chart(inline(rows[COLUMNS[:4]]))
    left = alt.layer(
        errors.mark_rule(strokeWidth=2.5, color=INK).encode(
            y=y(True),
            x=alt.X("error_low:Q", title=f"{split} error, %, with interval", axis=ticks),
            x2=alt.X2("error_high:Q"),
        ),
        errors.mark_point(size=75, filled=True, color=INK, opacity=1).encode(
            y=y(True), x=alt.X("error:Q", scale=alt.Scale(zero=False, padding=12))
        ),
    )
    colour = alt.when(alt.datum["told"]).then(alt.value(TELLING)).otherwise(alt.value(GREY))
    shape = alt.when(alt.datum["told"]).then(alt.value("circle")).otherwise(alt.value("diamond"))
    compared = alt.Chart(inline(rows[["name", *COLUMNS[4:]]].dropna())).encode(y=y(False), color=colour)
    title = "points less error; blue: significant"
    right = alt.layer(
        alt.Chart(inline(pd.DataFrame({"zero": [0]})))
        .mark_rule(strokeDash=[4, 3], color=GREY)
        .encode(x=alt.X("zero:Q")),
        compared.mark_rule(strokeWidth=2.5).encode(
            x=alt.X("gain_low:Q", title=title, axis=ticks), x2=alt.X2("gain_high:Q")
        ),
        compared.mark_point(size=75, filled=True, opacity=1).encode(x=alt.X("gain:Q"), shape=shape),
    )
    height = row_height(len(rows))
    return alt.hconcat(
        left.properties(width=400, height=height, title="Error"),
        right.properties(width=400, height=height, title="Gain over what the row is compared with"),
        spacing=10,
    )
