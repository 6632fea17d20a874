"""Draws the gain and its interval at each look of a sequential comparison."""

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.drawing import EQUAL, GREY, LOSING, TELLING, inline, panels

HUES = {"better": TELLING, "worse": LOSING, "practically equal": EQUAL, "undecided": GREY}


def race_chart(seen: pd.DataFrame, margin: float, unit: str) -> ChartType:
    """Draw a panel per variant, best first: gain over the baseline by seeds; the band shows practical equality.

    `seen` has the columns variant, seeds, gain, low, high, verdict; gains and margin are in `unit`.
    """
    rows = seen.assign(margin=margin, less=-margin, zero=0)
    order = list(seen.groupby("variant")["gain"].last().sort_values(ascending=False).index)
    base = alt.Chart(inline(rows))
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(HUES), range=list(HUES.values())),
        legend=alt.Legend(title=None, orient="top"),
    )
    # Leave room at the sides, and put a tick at each look.
    looks = sorted(set(rows["seeds"]))
    x = alt.X(
        "seeds:Q",
        title="seeds",
        scale=alt.Scale(domain=[looks[0] - 1, looks[-1] + 1], nice=False),
        axis=alt.Axis(values=looks, grid=False),
    )
    numbers = [alt.Tooltip(f"{name}:Q", format="+.3f") for name in ("gain", "low", "high")]
    panel = alt.layer(
        # Aggregates: otherwise each row of the table would draw the band again.
        base.mark_rect(color=EQUAL, opacity=0.15).encode(y=alt.Y("min(less):Q"), y2=alt.Y2("max(margin):Q")),
        base.mark_rule(color=GREY, strokeDash=[4, 3]).encode(y=alt.Y("mean(zero):Q")),
        base.mark_rule(strokeWidth=2.5).encode(x=x, y=alt.Y("low:Q", title=None), y2=alt.Y2("high:Q"), color=colour),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=x,
            y=alt.Y("gain:Q"),
            color=colour,
            tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("seeds:Q"), *numbers, alt.Tooltip("verdict:N")],
        ),
    ).properties(width=140, height=150)
    return panels(panel, order, f"gain over the baseline, {unit}, by seeds", 200)
