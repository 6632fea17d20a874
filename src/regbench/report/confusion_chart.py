"""Draws what a variant confuses: a matrix for few classes, the most confused pairs for many."""

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.comparison import Comparison
from regbench.report.drawing import FAINT, INK, LOSING, RIGHT, few_ticks, inline, wide

NUMBERED = 20
"""Largest number of classes for which the cells of a matrix have room for their counts."""
MATRIX = 40
"""Largest number of classes that are drawn as a matrix."""
PAIRS = 25
"""Number of pairs of classes that are drawn where there are more classes."""
WHOLE = "datum.value % 1 ? '' : format(datum.value, ',')"
"""Label expression of an axis of counts: whole numbers only."""


def confusion_chart(comparison: Comparison, counts: Mapping[str, pd.DataFrame]) -> ChartType:
    """Draw the confusions of the variant that the chart parameter `variant` selects, at first the best one.

    `counts` has the columns actual, predicted, count for each variant. Shares are of the images of the actual class.
    """
    few = len(comparison.classes) <= MATRIX
    tables = {name: _shares(table) for name, table in counts.items()}
    rows = pd.concat([(table if few else most_confused(table)).assign(variant=name) for name, table in tables.items()])
    base = alt.Chart(inline(rows)).transform_filter("datum.variant == variant")
    drawn = _matrix(base, comparison.classes) if few else pair_bars(base)
    return wide(drawn, None).add_params(alt.param(name="variant", value=comparison.best))


def most_confused(table: pd.DataFrame) -> pd.DataFrame:
    """Return the PAIRS rows with the most mistakes, most first, with the column pair: `actual as predicted`."""
    wrong = table[(table["actual"] != table["predicted"]) & (table["count"] > 0)]
    worst = wrong.sort_values("count", ascending=False, kind="stable").head(PAIRS)
    return worst.assign(pair=worst["actual"] + " as " + worst["predicted"])


def pair_bars(base: alt.Chart, width: int | None = None) -> ChartType:
    """Draw a bar per pair of classes: its mistakes over all seeds. `base` has the columns of `most_confused`."""
    bars: ChartType = (
        base.mark_bar(color=LOSING, height={"band": 0.7})
        .encode(
            x=alt.X(
                "count:Q",
                title="mistakes, all seeds",
                axis=alt.Axis(tickCount=few_ticks(width), labelExpr=WHOLE),
            ),
            y=alt.Y("pair:N", title=None, sort=alt.EncodingSortField("count", order="descending")),
            tooltip=[alt.Tooltip("actual:N"), alt.Tooltip("predicted:N"), alt.Tooltip("count:Q")],
        )
        .properties(height=18 * PAIRS, description="Pairs of classes that are confused most, all seeds")
    )
    return bars


def _matrix(base: alt.Chart, classes: Sequence[str]) -> ChartType:
    scale = alt.Scale(domain=list(classes))
    base = base.encode(
        x=alt.X("predicted:N", title="predicted", scale=scale, sort=None, axis=class_axis(classes)),
        y=alt.Y("actual:N", title="actual", scale=scale, sort=None, axis=alt.Axis(labelOverlap=False)),
        tooltip=[
            alt.Tooltip("actual:N"),
            alt.Tooltip("predicted:N"),
            alt.Tooltip("count:Q"),
            alt.Tooltip("share:Q", title="% of class", format=".2f"),
        ],
    )
    legend = alt.Legend(orient="top", gradientLength=140)
    wrong = alt.Color(
        "share:Q", title="% of class, wrong", scale=alt.Scale(domainMin=0, range=list(FAINT)), legend=legend
    )
    layers = [
        base.transform_filter("datum.actual != datum.predicted").mark_rect().encode(color=wrong),
        base.transform_filter("datum.actual == datum.predicted").mark_rect(color=RIGHT),
    ]
    if len(classes) <= NUMBERED:
        layers.append(base.mark_text(fontSize=11, color=INK).encode(text=alt.Text("count:Q")))
    height = len(classes) * max(16, min(30, 600 // len(classes)))
    return alt.layer(*layers).properties(height=height, description="Confusion matrix of one variant, all seeds")


def class_axis(classes: Sequence[str]) -> alt.Axis:
    """Return the horizontal axis of classes; its labels are vertical where they would touch otherwise."""
    short = max(map(len, classes), default=0) * len(classes) <= 40
    return alt.Axis(labelAngle=0 if short else -90, labelOverlap=False, labelLimit=90)


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return the nonempty cells, with their share of the actual class in percent."""
    totals = table.groupby("actual")["count"].transform("sum")
    return table.assign(share=100 * table["count"] / totals)[table["count"] > 0]
