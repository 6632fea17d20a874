"""How each comparison of a race settled: the gain and its interval, look by look."""

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.drawing import GREY, TELLING, inline

HUES = {"better": TELLING, "worse": "#D55E00", "practically equal": "#009E73", "undecided": GREY, "same network": GREY}


def race_chart(seen: pd.DataFrame, margin: float) -> ChartType:
    """Draw a panel a variant: gain over the baseline by seeds; grey while undecided, the band is the margin.

    `seen` has the columns variant, seeds, gain, low, high, verdict; gains and margin are fractions, or nats.
    """
    rows = seen.assign(margin=margin, less=-margin)
    order = list(seen.groupby("variant")["gain"].last().sort_values(ascending=False).index)
    base = alt.Chart(inline(rows)).encode(x=alt.X("seeds:Q", scale=alt.Scale(zero=False, padding=8)))
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(HUES)[:4], range=list(HUES.values())[:4]),
        legend=alt.Legend(title=None, orient="top"),
    )
    numbers = [alt.Tooltip(f"{name}:Q", format="+.4f") for name in ("gain", "low", "high")]
    panel = alt.layer(
        base.mark_area(color="#009E73", opacity=0.12).encode(y="less:Q", y2="margin:Q"),
        base.mark_rule(color=GREY, strokeDash=[4, 3]).encode(y=alt.datum(0)),
        base.mark_rule(strokeWidth=2.5).encode(y=alt.Y("low:Q", title=None), y2="high:Q", color=colour),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            y="gain:Q", color=colour, tooltip=["variant:N", "seeds:Q", *numbers, "verdict:N"]
        ),
    ).properties(width=150, height=130)
    title = "gain over the baseline by seeds"
    panels: ChartType = panel.facet(facet=alt.Facet("variant:N", sort=order, title=title), columns=5).resolve_scale(
        y="independent"
    )
    return panels
