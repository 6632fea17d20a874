"""Draws learning curves: the best variants in colour, the others in grey, so that twenty variants are readable."""

import json
from collections.abc import Sequence

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.config.colours import COLOURS, colours
from regbench.report.comparison import Comparison
from regbench.report.drawing import REST, few_ticks, inline, wide

CURVES = {
    "validation_loss": "Validation loss, nats",
    "validation_accuracy": "Validation accuracy",
    "train_loss": "Train loss, nats",
    "gap": "Generalization gap, accuracy",
}
"""History columns that are drawn, and their titles."""
FRACTIONS = ("validation_accuracy", "gap")
DASHES = ((1, 0), (6, 3), (2, 2))
"""Dashes of lines: after twenty variants colours repeat, with another dash."""
ALL = 8
"""Largest number of variants that are all drawn in colour."""
BEST = 5
"""Number of variants in colour at first if there are more, besides the recommended one and the baseline."""
PICKED = "picked"
"""Parameter of the page's charts: the names of the variants that are drawn in colour."""


def first_picked(comparison: Comparison) -> list[str]:
    """Return the variants that are drawn in colour at first, in the order of `params.yaml`."""
    chosen = {*comparison.order[:BEST], comparison.judgement.recommendation, comparison.baseline}
    return [name for name in comparison.variants if len(comparison.variants) <= ALL or name in chosen]


def page_curves(comparison: Comparison, curves: pd.DataFrame) -> dict[str, ChartType]:
    """Return a chart for each column in CURVES; the chart parameter PICKED selects the variants in colour.

    `curves` is the table of `mean_curves`.
    """
    return {
        f"curve-{column}": curve_chart(comparison, curves, column).add_params(
            alt.param(name=PICKED, value=first_picked(comparison))
        )
        for column in CURVES
    }


def curve_chart(
    comparison: Comparison,
    curves: pd.DataFrame,
    column: str,
    picked: Sequence[str] | None = None,
    width: int | None = None,
) -> ChartType:
    """Draw the mean curve of each variant: those in `picked` in colour, with a legend; None: those in PICKED.

    A loss has a logarithmic axis, which separates the epochs that matter. A variant with one epoch is a point.
    """
    names = PICKED if picked is None else json.dumps(list(picked))
    is_picked = f"indexof({names}, datum.variant) >= 0"
    base = alt.Chart(inline(curves[["variant", "epoch", "seeds", column]])).encode(
        x=_epochs(comparison, curves, width), y=_values(curves, column)
    )
    tooltip = [
        alt.Tooltip("variant:N"),
        alt.Tooltip("epoch:Q"),
        alt.Tooltip(f"{column}:Q", format=".4f"),
        alt.Tooltip("seeds:Q"),
    ]
    hue, dash = _signs(comparison.variants, picked)
    # One epoch makes no line.
    point = alt.OverlayMarkDef(size=40) if curves.groupby("variant").size().min() == 1 else False
    layers = [
        base.transform_filter(f"!({is_picked})")
        .mark_line(strokeWidth=1, color=REST, point=point)
        .encode(detail=alt.Detail("variant:N"), tooltip=tooltip),
        base.transform_filter(is_picked)
        .mark_line(strokeWidth=2, point=point)
        .encode(color=hue, strokeDash=dash, tooltip=tooltip),
    ]
    title = CURVES[column]
    drawn = alt.layer(*layers).properties(height=240, title=title, description=f"{title} by epoch and variant")
    return wide(drawn, width)


def dashes(variants: Sequence[str]) -> dict[str, list[int]]:
    """Return the dash of each variant, which distinguishes variants of the same colour."""
    return {name: list(DASHES[place // len(COLOURS) % len(DASHES)]) for place, name in enumerate(variants)}


def _signs(variants: Sequence[str], picked: Sequence[str] | None) -> tuple[alt.Color, alt.StrokeDash]:
    legend = None
    if picked is not None:
        names = {"title": "others: grey", "values": list(picked)} if len(picked) < len(variants) else {"title": None}
        legend = alt.Legend(columns=1, symbolStrokeWidth=2.5, symbolSize=220, labelLimit=180, **names)
    hues, lines = colours(variants), dashes(variants)
    return (
        alt.Color("variant:N", scale=alt.Scale(domain=list(hues), range=list(hues.values())), legend=legend),
        alt.StrokeDash("variant:N", scale=alt.Scale(domain=list(lines), range=list(lines.values())), legend=legend),
    )


def _epochs(comparison: Comparison, curves: pd.DataFrame, width: int | None) -> alt.X:
    # No more ticks than epochs: Vega would otherwise put ticks between them, and round their labels.
    last = int(curves["epoch"].max())
    axis = alt.Axis(tickCount=few_ticks(width, 34, min(12, max(1, last))), format="d")
    title = f"epoch{', or network of an ensemble' if comparison.networks_of else ''} (from 0)"
    return alt.X("epoch:Q", title=title, axis=axis, scale=alt.Scale(domain=[0, last], nice=False))


def _values(curves: pd.DataFrame, column: str) -> alt.Y:
    """Return the axis of a column; its ends do not depend on the picked variants."""
    values = curves[column].dropna()
    low, high = float(values.min()), float(values.max())
    logarithmic = column not in FRACTIONS and low > 0
    margin = 0 if low < high else abs(low) / 10 or 1
    domain = [low - margin, high + margin]
    # Rounded ends already leave room around the curves; with extra padding, an accuracy's axis would begin below 0.
    linear = alt.Scale(type="linear", domain=domain, nice=True)
    scale = alt.Scale(type="log", domain=domain, nice=False, padding=6) if logarithmic else linear
    axis = alt.Axis(tickCount=6, format="~%" if column in FRACTIONS else "~g")
    return alt.Y(f"{column}:Q", title=None, scale=scale, axis=axis)
