"""Draws error against the fraction of damaged train images: a panel per variant, the baseline in each."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.drawing import GREY, TELLING, inline

COLUMNS = 4
"""Panels side by side."""
DRAWN = ["rate", "error_percent", "error_low", "error_high"]
MARGIN = 1.25
"""Room above the largest error, as a factor: intervals of few seeds may be much wider than all curves."""


def noise_chart(rows: pd.DataFrame, variants: Sequence[str], baseline: str, measure: str) -> ChartType:
    """Draw error over the fraction of wrong labels as a line with a band, and under outliers as a diamond with a rule.

    `rows` has damage (`labels` or `outliers`), rate, variant, error_percent, error_low, error_high.
    """
    top = min(
        100.0, max(MARGIN * float(rows["error_percent"].max()), float(rows["error_high"].fillna(0).quantile(0.75)))
    )
    scale = alt.Scale(domain=[0, top], clamp=True)
    rates = sorted(set(rows["rate"]))
    ends = alt.Scale(domain=[-0.02, rates[-1] + 0.02], nice=False)
    x = alt.X(
        "rate:Q", title="part of the train images", scale=ends, axis=alt.Axis(values=rates, format="%", grid=False)
    )
    y = alt.Y("error_percent:Q", title=f"{measure}, %", scale=scale)
    low, high = alt.Y("error_low:Q", title=f"{measure}, %", scale=scale), alt.Y2("error_high")
    panels = []
    for name in [variant for variant in variants if variant != baseline] or [baseline]:
        layers: list[alt.Chart] = []
        for drawn, colour, beside in ((baseline, GREY, -4), (name, TELLING, 4)):
            own = rows[rows["variant"] == drawn]
            labels = alt.Chart(inline(own[own["damage"] == "labels"][DRAWN])).encode(x=x)
            outliers = alt.Chart(inline(own[own["damage"] == "outliers"][DRAWN])).encode(x=x)
            layers += [
                labels.mark_area(opacity=0.25, color=colour).encode(y=low, y2=high),
                labels.mark_line(color=colour, strokeWidth=2, point=alt.OverlayMarkDef(color=colour)).encode(y=y),
                outliers.mark_rule(color=colour, strokeWidth=1.5, opacity=0.6, xOffset=beside).encode(y=low, y2=high),
                outliers.mark_point(
                    color=colour, shape="diamond", size=90, filled=True, opacity=1, xOffset=beside
                ).encode(y=y),
            ]
        panels.append(alt.layer(*layers).properties(width=190, height=150, title=name))
    title = f"Error by wrong labels (lines) and outliers (diamonds): each variant (blue) and {baseline} (grey)"
    return alt.concat(*panels, columns=COLUMNS).properties(title=alt.TitleParams(title))
