"""The charts of a comparison."""

from typing import Any

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.report.comparison import Comparison
from regbench.report.drawing import FAINT, GREY, TELLING, inline, signs

CURVES = {
    "validation_loss": "Validation loss",
    "validation_accuracy": "Validation accuracy",
    "train_loss": "Train loss",
    "gap": "Generalization gap, accuracy",
}
"""History columns that are drawn, and their titles."""


def forest(comparison: Comparison) -> ChartType:
    """Draw the error of each variant with its interval and seeds, and beside it the difference from the baseline."""
    return alt.hconcat(_errors(comparison), _gains(comparison), spacing=10)


def learning_curves(comparison: Comparison, curves: pd.DataFrame) -> ChartType:
    """Draw the mean curves of all variants over each other; a click in the legend picks variants.

    `curves` is the table of `mean_curves`.
    """
    pick = alt.selection_point(name="pick", fields=["variant"], bind="legend", toggle="true")
    panels = [
        _lines(curves, comparison, column).encode(opacity=alt.when(pick).then(alt.value(1)).otherwise(alt.value(0.06)))
        for column in CURVES
    ]
    # One panel carries the selection, the others read it: altair would otherwise merge copies, with a warning.
    panels[0] = panels[0].add_params(pick)
    return alt.vconcat(
        *(alt.hconcat(*panels[place : place + 2], spacing=64, bounds="flush") for place in range(0, len(panels), 2))
    )


def confusions(comparison: Comparison, counts: dict[str, pd.DataFrame]) -> ChartType:
    """Draw the confusion matrix of the variant that the parameter `variant` names, at first the best one.

    `counts` has per variant the columns actual, predicted, count. Shares are of the images of the actual class.
    """
    rows = pd.concat([_shares(table).assign(variant=name) for name, table in counts.items()])
    chosen = alt.param(name="variant", value=comparison.best)
    side = max(300, min(30 * len(comparison.classes), 620))
    base = (
        alt.Chart(inline(rows))
        .transform_filter("datum.variant == variant")
        .encode(
            x=alt.X("predicted:N", title="predicted", scale=alt.Scale(domain=list(comparison.classes)), sort=None).axis(
                labelAngle=0 if len(comparison.classes) <= 20 else -90
            ),
            y=alt.Y("actual:N", title="actual", scale=alt.Scale(domain=list(comparison.classes)), sort=None),
            tooltip=["actual:N", "predicted:N", "count:Q", alt.Tooltip("share:Q", title="% of class", format=".2f")],
        )
        .properties(width=side, height=side)
    )
    wrong = alt.Color("share:Q", title="% of class, wrong", scale=alt.Scale(domainMin=0, range=list(FAINT)))
    layers: list[Any] = [
        base.transform_filter("datum.actual != datum.predicted").mark_rect().encode(color=wrong),
        base.transform_filter("datum.actual == datum.predicted").mark_rect(color="#e4eef5"),
    ]
    if len(comparison.classes) <= 20:
        layers.append(base.mark_text(fontSize=11, color="#111").encode(text="count:Q"))
    matrix = alt.layer(*layers).properties(description="Confusion matrix of one variant, all seeds")
    return matrix.add_params(chosen)


def picture(comparison: Comparison, curves: pd.DataFrame) -> ChartType:
    """Draw the errors with their intervals above the validation curves: the comparison in one picture."""
    panels = [_lines(curves, comparison, column) for column in ("validation_loss", "gap")]
    below = alt.hconcat(*panels, spacing=64, bounds="flush")
    # Otherwise the legend of the lower half would stand beside the upper half.
    apart = alt.Resolve(scale=alt.ScaleResolveMap(color="independent", strokeDash="independent"))
    return alt.vconcat(forest(comparison), below, spacing=24, resolve=apart)


def _errors(comparison: Comparison) -> ChartType:
    table = pd.DataFrame(
        {
            "variant": comparison.table["variant"],
            "error": comparison.table["test_error_percent"],
            "low": 100 * (1 - comparison.table["test_accuracy_high"]),
            "high": 100 * (1 - comparison.table["test_accuracy_low"]),
        }
    )
    rows = _rank(comparison, labels=True)
    axis = alt.Scale(zero=False, padding=12)
    base = alt.Chart(inline(table)).encode(y=rows)
    reference = alt.Chart(inline(table[table["variant"] == comparison.baseline]))
    seeds = alt.Chart(inline(comparison.seed_errors))
    tooltip = ["variant:N", *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("error", "low", "high"))]
    title = f"{comparison.measure}, % ({100 * comparison.confidence:g} % interval; rings: seeds)"
    return alt.layer(
        reference.mark_rule(strokeDash=[4, 3], color=GREY).encode(x=alt.X("error:Q", scale=axis)),
        base.mark_rule(strokeWidth=2.5, color="#333").encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        seeds.mark_point(size=20, filled=True, fill="#ffffff", stroke="#555", strokeWidth=1, opacity=1).encode(
            y=rows, x="error_percent:Q"
        ),
        base.mark_point(size=75, filled=True, color="#111", opacity=1).encode(x="error:Q", tooltip=tooltip),
    ).properties(width=500, height=alt.Step(24), title="Error", description=f"{title} of each variant, best first")


def _gains(comparison: Comparison) -> ChartType:
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
        ],
        columns=["variant", "gain", "low", "high", "verdict"],
    )
    told = (alt.datum["verdict"] == "better") | (alt.datum["verdict"] == "worse")
    colour = alt.when(told).then(alt.value(TELLING)).otherwise(alt.value(GREY))
    shape = alt.when(told).then(alt.value("circle")).otherwise(alt.value("diamond"))
    base = alt.Chart(inline(table)).encode(y=_rank(comparison, labels=False), color=colour)
    title = "points less error; blue: significant"
    tooltip = ["variant:N", *(alt.Tooltip(f"{name}:Q", format="+.2f") for name in ("gain", "low", "high")), "verdict:N"]
    return alt.layer(
        alt.Chart(inline(pd.DataFrame({"zero": [0]}))).mark_rule(strokeDash=[4, 3], color=GREY).encode(x="zero:Q"),
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        base.mark_point(size=75, filled=True, opacity=1).encode(x="gain:Q", shape=shape, tooltip=tooltip),
    ).properties(
        width=400,
        height=alt.Step(24),
        title=f"Gain over {comparison.baseline}",
        description=f"Error of {comparison.baseline} minus that of each variant, points, with intervals",
    )


def _rank(comparison: Comparison, labels: bool) -> alt.Y:
    scale = alt.Scale(domain=comparison.order)
    return alt.Y("variant:N", title=None, scale=scale, axis=alt.Axis(labels=labels, ticks=False, domain=False))


def _lines(curves: pd.DataFrame, comparison: Comparison, column: str) -> ChartType:
    hues, dashes = signs(comparison.variants, comparison.baseline)
    names = list(comparison.variants)
    # No more ticks than epochs: Vega would otherwise put ticks between them, and round their labels.
    ticks = max(1, min(12, int(curves["epoch"].max())))
    legend = alt.Legend(title=None, columns=1, symbolStrokeWidth=2.5, symbolSize=220, labelLimit=180)
    lines: alt.Chart = (
        alt.Chart(inline(curves[["variant", "epoch", "seeds", column]]))
        .mark_line(strokeWidth=2, **_points(curves))
        .encode(
            x=alt.X("epoch:Q", title=_epochs(comparison), axis=alt.Axis(tickCount=ticks, format="d")),
            y=alt.Y(f"{column}:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.Color("variant:N", scale=alt.Scale(domain=names, range=hues), legend=legend),
            strokeDash=alt.StrokeDash("variant:N", scale=alt.Scale(domain=names, range=dashes), legend=legend),
            tooltip=["variant:N", "epoch:Q", alt.Tooltip(f"{column}:Q", format=".4f"), "seeds:Q"],
        )
        .properties(width=400, height=240, title=CURVES[column], description=f"{CURVES[column]} by epoch and variant")
    )
    return lines


def _points(curves: pd.DataFrame) -> dict[str, Any]:
    """Return the option that marks each epoch, where a curve of a single one would be no line."""
    return {"point": True} if (curves.groupby("variant").size() == 1).any() else {}


def _epochs(comparison: Comparison) -> str:
    return f"epoch{', or network of an ensemble' if comparison.networks_of else ''} (from 0)"


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that are not empty, with their share of the actual class in percent."""
    totals = table.groupby("actual")["count"].transform("sum")
    return table.assign(share=100 * table["count"] / totals)[table["count"] > 0]
