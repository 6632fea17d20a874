"""Draws errors and gains of the variants of a comparison, with their intervals."""

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.comparison import Comparison
from regbench.report.curve_charts import curve_chart, first_picked
from regbench.report.drawing import GREY, INK, PAPER, TELLING, inline, row_axis, row_height, wide

MOST = 30
"""Maximum number of variants in the picture, best first; the page has all."""


def error_chart(comparison: Comparison, shown: list[str], width: int | None = None) -> ChartType:
    """Draw the error of each variant in `shown` with its interval and its seeds, best first."""
    table = pd.DataFrame(
        {
            "variant": comparison.table["variant"],
            "error": comparison.table["test_error_percent"],
            "low": 100 * (1 - comparison.table["test_accuracy_high"]),
            "high": 100 * (1 - comparison.table["test_accuracy_low"]),
        }
    )
    rows = _rows(shown)
    reference = alt.Chart(inline(table[table["variant"] == comparison.baseline]))
    base = alt.Chart(inline(table[table["variant"].isin(shown)])).encode(y=rows)
    seeds = alt.Chart(inline(comparison.seed_errors[comparison.seed_errors["variant"].isin(shown)]))
    tooltip = [alt.Tooltip("variant:N"), *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("error", "low", "high"))]
    # Two lines: one line would be wider than the chart on a phone.
    title = [f"{comparison.measure}, %", f"{100 * comparison.confidence:g} % interval; rings: seeds"]
    ticks = row_axis(len(shown), width)
    layers = alt.layer(
        reference.mark_rule(strokeDash=[4, 3], color=GREY).encode(
            x=alt.X("error:Q", scale=alt.Scale(zero=False, padding=12))
        ),
        base.mark_rule(strokeWidth=2.5, color=INK).encode(
            x=alt.X("low:Q", title=title, axis=ticks), x2=alt.X2("high:Q")
        ),
        seeds.mark_point(size=20, filled=True, fill=PAPER, stroke=GREY, strokeWidth=1, opacity=1).encode(
            y=rows, x=alt.X("error_percent:Q")
        ),
        base.mark_point(size=75, filled=True, color=INK, opacity=1).encode(x=alt.X("error:Q"), tooltip=tooltip),
    )
    described = f"{comparison.measure}, %, with its interval and seeds, of each variant, best first"
    return wide(layers.properties(height=row_height(len(shown)), title="Error", description=described), width)


def gain_chart(comparison: Comparison, shown: list[str], width: int | None = None) -> ChartType:
    """Draw the gain over the baseline of each variant in `shown`, with the interval that gives its verdict.

    The interval is simultaneous for all variants, so it excludes 0 exactly where the verdict is better or worse.
    """
    table = pd.DataFrame(
        [
            {
                "variant": name,
                "gain": 100 * found.difference.mean,
                "low": 100 * found.difference.low,
                "high": 100 * found.difference.high,
                "verdict": found.verdict,
            }
            for name, found in comparison.verdicts.items()
            if name in shown
        ],
        columns=["variant", "gain", "low", "high", "verdict"],
    )
    significant = (alt.datum["verdict"] == "better") | (alt.datum["verdict"] == "worse")
    colour = alt.when(significant).then(alt.value(TELLING)).otherwise(alt.value(GREY))
    shape = alt.when(significant).then(alt.value("circle")).otherwise(alt.value("diamond"))
    base = alt.Chart(inline(table)).encode(y=_rows(shown), color=colour)
    title = ["points less error", "blue: significant"]
    x = alt.X("low:Q", title=title, axis=row_axis(len(shown), width))
    tooltip = [
        alt.Tooltip("variant:N"),
        *(alt.Tooltip(f"{name}:Q", format="+.2f") for name in ("gain", "low", "high")),
        alt.Tooltip("verdict:N"),
    ]
    layers = alt.layer(
        alt.Chart(inline(pd.DataFrame({"zero": [0]})))
        .mark_rule(strokeDash=[4, 3], color=GREY)
        .encode(x=alt.X("zero:Q")),
        base.mark_rule(strokeWidth=2.5).encode(x=x, x2=alt.X2("high:Q")),
        base.mark_point(size=75, filled=True, opacity=1).encode(x=alt.X("gain:Q"), shape=shape, tooltip=tooltip),
    ).properties(
        height=row_height(len(shown)),
        title=f"Gain over {comparison.baseline}",
        description=f"Error of {comparison.baseline} minus that of each variant, points, with simultaneous intervals",
    )
    return wide(layers, width)


def picture(comparison: Comparison, curves: pd.DataFrame) -> ChartType:
    """Draw errors and gains above the validation curves: the comparison in one picture.

    Of many variants, the best MOST and the baseline are drawn.
    """
    shown = [name for name in comparison.order[:MOST] if name != comparison.baseline]
    shown = [name for name in comparison.order if name in {*shown, comparison.baseline}]
    above = alt.hconcat(error_chart(comparison, shown, 440), gain_chart(comparison, shown, 340), spacing=30)
    picked = first_picked(comparison)
    panels = [curve_chart(comparison, curves, column, picked, 400) for column in ("validation_loss", "gap")]
    below = alt.hconcat(*panels, spacing=64, bounds="flush")
    # Otherwise the legend of the lower half would be drawn beside the upper half.
    apart = alt.Resolve(scale=alt.ScaleResolveMap(color="independent", strokeDash="independent"))
    return alt.vconcat(above, below, spacing=24, resolve=apart)


def _rows(shown: list[str]) -> alt.Y:
    axis = alt.Axis(ticks=False, domain=False)
    return alt.Y("variant:N", title=None, scale=alt.Scale(domain=shown), axis=axis)
