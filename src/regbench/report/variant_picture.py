"""Draws one picture per variant: learning curves of each seed, and the confusion of classes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.config.experiment import EvaluatedExperiment
from regbench.report.confusion_chart import MATRIX, NUMBERED, class_axis, most_confused, pair_bars
from regbench.report.drawing import FAINT, GREY, INK, TELLING, Spec, records, to_spec, wide
from regbench.report.tables import labelled, required

LOSSES = {"sample_loss": "train, clean", "validation_loss": "validation"}
"""Losses that are drawn, and their names in the legend."""


def variant_pictures(
    params: EvaluatedExperiment, histories: pd.DataFrame, evaluation: Path
) -> Iterator[tuple[str, Spec]]:
    """Yield each variant with its picture: losses and gap of each seed by epoch, and the mistakes of all seeds.

    `histories` is the table of `read_histories`. All variants have the same chart with different data.
    """
    seeds = f"{len(params.seeds)} {'seed' if len(params.seeds) == 1 else 'seeds'}"
    chart: Spec | None = None
    # One epoch makes no line.
    point = bool(histories.groupby(["variant", "seed"]).size().min() == 1)
    epochs = _epochs(bool(params.ensembles))
    for variant in params.names:
        counts = required(evaluation / variant / "confusion.csv", labelled)
        chart = chart or to_spec(_picture(list(dict.fromkeys(counts["actual"])), epochs, point))
        curves = histories[histories["variant"] == variant]
        losses = curves.melt(["seed", "epoch"], list(LOSSES), "loss", "nats").replace({"loss": LOSSES})
        # Only mistakes: right predictions are many and would hide them.
        wrong = counts[(counts["actual"] != counts["predicted"]) & (counts["count"] > 0)]
        mistakes = wrong if counts["actual"].nunique() <= MATRIX else most_confused(wrong)
        data = {
            "losses": losses,
            "gap": curves[["seed", "epoch"]].assign(points=100 * curves["gap"]),
            "mistakes": mistakes,
        }
        tables = {name: records(table) for name, table in data.items()}
        yield variant, {**chart, "title": f"{variant}: {seeds}", "datasets": tables}


def _picture(classes: Sequence[str], epochs: alt.X, point: bool) -> ChartType:
    picture: ChartType = alt.hconcat(
        _losses(epochs, point), _gap(epochs, point), _mistakes(classes), spacing=30, title=""
    ).resolve_scale(color="independent")
    return picture


def _epochs(ensembles: bool) -> alt.X:
    title = f"epoch{', or network of an ensemble' if ensembles else ''} (from 0)"
    return alt.X("epoch:Q", title=title, axis=alt.Axis(tickMinStep=1, tickCount=10, format="d"))


def _losses(epochs: alt.X, point: bool) -> ChartType:
    colour = alt.Color("loss:N", scale=alt.Scale(domain=list(LOSSES.values()), range=[GREY, TELLING]))
    lines: ChartType = (
        alt.Chart(alt.NamedData("losses"))
        .mark_line(strokeWidth=1.5, point=point)
        .encode(
            x=epochs,
            y=alt.Y("nats:Q", title=None),
            color=colour.legend(title=None, orient="bottom"),
            detail=alt.Detail("seed:N"),
        )
        .properties(width=300, height=280, title="Loss, nats")
    )
    return lines


def _gap(epochs: alt.X, point: bool) -> ChartType:
    lines: ChartType = (
        alt.Chart(alt.NamedData("gap"))
        .mark_line(strokeWidth=1.5, color=TELLING, point=point)
        .encode(x=epochs, y=alt.Y("points:Q", title=None), detail=alt.Detail("seed:N"))
        .properties(width=300, height=280, title="Generalization gap, points of accuracy")
    )
    return lines


def _mistakes(classes: Sequence[str]) -> ChartType:
    base = alt.Chart(alt.NamedData("mistakes"))
    title = "Mistakes on the evaluated images, all seeds"
    if len(classes) > MATRIX:
        return wide(pair_bars(base, 280), 280).properties(title=title)
    scale = alt.Scale(domain=list(classes))
    base = base.encode(
        x=alt.X("predicted:N", scale=scale, axis=class_axis(classes)),
        y=alt.Y("actual:N", scale=scale, axis=alt.Axis(labelOverlap=False)),
    )
    cells = base.mark_rect().encode(color=alt.Color("count:Q", scale=alt.Scale(range=list(FAINT)), legend=None))
    numbers = base.mark_text(fontSize=11, color=INK).encode(text=alt.Text("count:Q"))
    layers = [cells, numbers] if len(classes) <= NUMBERED else [cells]
    side = max(280, 14 * len(classes))
    return alt.layer(*layers).properties(width=side, height=side, title=title)
