"""Draws error against the number of train images: a panel per variant, the baseline in each."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.drawing import GREY, TELLING, inline

COLUMNS = 4
"""Panels side by side."""


def size_chart(rows: pd.DataFrame, variants: Sequence[str], baseline: str, split: str) -> ChartType:
    """Draw error with its interval as a band, by size on a logarithmic axis; all panels share the axes.

    `rows` has train_images, variant, error_percent, error_low, error_high.
    """
    sizes = sorted(int(size) for size in rows["train_images"].unique())
    x = alt.X(
        "train_images:Q",
        title="train images",
        scale=alt.Scale(type="log", domain=[sizes[0] * 0.9, sizes[-1] * 1.1], nice=False),
        axis=alt.Axis(values=sizes, format=",d", grid=False, labelAngle=-30),
    )
    top = float(rows["error_high"].max())
    y = alt.Y("error_percent:Q", title=f"{split} error, %", scale=alt.Scale(domain=[0, top]))
    low, high = alt.Y("error_low:Q", title=f"{split} error, %", scale=alt.Scale(domain=[0, top])), alt.Y2("error_high")
    panels = []
    for name in [variant for variant in variants if variant != baseline] or [baseline]:
        layers: list[alt.Chart] = []
        for drawn, colour in ((baseline, GREY), (name, TELLING)):
            base = alt.Chart(inline(rows[rows["variant"] == drawn][list(rows.columns[:6])]))
            layers += [
                base.mark_area(opacity=0.25, color=colour).encode(x=x, y=low, y2=high),
                base.mark_line(color=colour, strokeWidth=2, point=alt.OverlayMarkDef(color=colour)).encode(x=x, y=y),
            ]
        panels.append(alt.layer(*layers).properties(width=190, height=150, title=name))
    title = alt.TitleParams(f"Error by train size: each variant (blue) and {baseline} (grey), bands: intervals")
    return alt.concat(*panels, columns=COLUMNS).properties(title=title)
