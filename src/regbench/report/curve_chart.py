"""Draws train, validation and test error against a hyperparameter, with intervals."""

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.drawing import GREY, TELLING, inline

SPLITS = {"train": GREY, "validation": TELLING, "test": "#D55E00"}
"""Splits and their colours."""
WIDE = 20
"""Ratio of the largest value to the smallest from which the axis is logarithmic."""
MARGIN = 1.25
"""Room above the largest error, as a factor: intervals of few seeds may be much wider than the whole curve."""


def curve_chart(rows: pd.DataFrame, key: str, variant: str, measure: str) -> ChartType:
    """Draw a line and a band per split, and a rule at the value that validation chooses.

    `rows` has value, chosen, and for each split ERROR, LOW and HIGH: `train_error`, `train_low`, `train_high`, percent.
    """
    parts = [
        pd.DataFrame(
            {"value": rows["value"], "split": split, **{c: rows[f"{split}_{c}"] for c in ("error", "low", "high")}}
        )
        for split in SPLITS
    ]
    long = pd.concat(parts, ignore_index=True)
    top = min(100.0, max(MARGIN * float(long["error"].max()), _typical_end(long)))
    scale = alt.Scale(domain=[0, top], clamp=True)
    x, positions = _axis(rows["value"], key)
    colour = alt.Color(
        "split:N",
        scale=alt.Scale(domain=list(SPLITS), range=list(SPLITS.values())),
        legend=alt.Legend(title=None, orient="right", symbolOpacity=1),
    )
    base = alt.Chart(inline(long.assign(position=long["value"].map(positions)))).encode(x=x, color=colour)
    numbers = [alt.Tooltip(f"{name}:Q", format=".2f") for name in ("error", "low", "high")]
    chosen = pd.DataFrame({"position": [positions[value] for value in rows.loc[rows["chosen"], "value"]]})
    return alt.layer(
        base.mark_area(opacity=0.18).encode(y=alt.Y("low:Q", title="error, %", scale=scale), y2=alt.Y2("high:Q")),
        base.mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=50)).encode(
            y=alt.Y("error:Q", scale=scale), tooltip=[alt.Tooltip("split:N"), alt.Tooltip("value:Q"), *numbers]
        ),
        alt.Chart(inline(chosen)).mark_rule(strokeDash=[4, 3], color="#333").encode(x=x),
    ).properties(
        width=640,
        height=340,
        title=f"Errors of {variant} by {key}; dashed: least validation error",
        description=f"train and validation error, and {measure}, with intervals, by {key}",
    )


def _typical_end(long: pd.DataFrame) -> float:
    """Return the third quartile of the upper ends of the intervals."""
    return float(long["high"].fillna(long["error"]).quantile(0.75))


def _axis(values: "pd.Series[float]", key: str) -> tuple[alt.X, dict[float, float]]:
    """Return the axis and the position of each value: the value, or its rank if 0 is among values of a wide range."""
    exact = [float(value) for value in values]
    positive = [value for value in exact if value > 0]
    wide = len(positive) > 1 and max(positive) >= WIDE * min(positive)
    if wide and len(positive) < len(exact):
        labels = " : ".join(f"datum.value == {rank} ? '{value:g}'" for rank, value in enumerate(exact))
        axis = alt.Axis(values=list(range(len(exact))), labelExpr=f"{labels} : ''", grid=False)
        return alt.X("position:Q", title=key, axis=axis, scale=alt.Scale(nice=False, padding=20)), {
            value: float(rank) for rank, value in enumerate(exact)
        }
    scale = alt.Scale(type="log" if wide else "linear", nice=False, zero=False, padding=20)
    axis = alt.Axis(values=exact, format="~g", grid=False)
    return alt.X("position:Q", title=key, axis=axis, scale=scale), {value: value for value in exact}
