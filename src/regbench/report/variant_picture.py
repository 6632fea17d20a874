"""One variant in one picture: the learning curves of each of its seeds, and what it confuses."""

from pathlib import Path

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.config.experiment import EvaluatedExperiment
from regbench.report.drawing import FAINT, GREY, TELLING, inline
from regbench.report.tables import labelled, required, table

LOSSES = {"sample_loss": "train, clean", "validation_loss": "validation"}
"""Losses that are drawn, and their names in the legend."""


def variant_picture(params: EvaluatedExperiment, variant: str, runs: Path, evaluation: Path) -> ChartType:
    """Draw losses and gap of every seed by epoch, and the confusion matrix of all seeds together."""
    files = {seed: runs / variant / f"seed-{seed}" / "history.csv" for seed in params.seeds}
    curves = pd.concat([required(file, table).assign(seed=seed) for seed, file in files.items()])
    counts = required(evaluation / variant / "confusion.csv", labelled)
    charts = [_losses(curves), _gap(curves), _mistakes(counts)]
    title = f"{variant}: {len(params.seeds)} {'seed' if len(params.seeds) == 1 else 'seeds'}"
    picture: ChartType = alt.hconcat(*charts, spacing=40, bounds="flush", title=title).resolve_scale(
        color="independent"
    )
    return picture


def _losses(curves: pd.DataFrame) -> ChartType:
    long = curves.melt(["seed", "epoch"], list(LOSSES), "loss", "nats").replace({"loss": LOSSES})
    colour = alt.Color("loss:N", scale=alt.Scale(domain=list(LOSSES.values()), range=[GREY, TELLING]))
    lines: ChartType = (
        alt.Chart(inline(long))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=_epochs(curves),
            y=alt.Y("nats:Q", title=None),
            color=colour.legend(title=None, orient="top"),
            detail="seed:N",
        )
        .properties(width=300, height=280, title="Loss, nats")
    )
    return lines


def _gap(curves: pd.DataFrame) -> ChartType:
    points = curves[["seed", "epoch"]].assign(points=100 * curves["gap"])
    lines: ChartType = (
        alt.Chart(inline(points))
        .mark_line(strokeWidth=1.5, color=TELLING)
        .encode(x=_epochs(curves), y=alt.Y("points:Q", title=None), detail="seed:N")
        .properties(width=300, height=280, title="Generalization gap, points of accuracy")
    )
    return lines


def _mistakes(counts: pd.DataFrame) -> ChartType:
    """Draw the counts of wrong cells; right ones are many and would hide them."""
    classes = list(dict.fromkeys(counts["actual"]))
    wrong = counts[(counts["actual"] != counts["predicted"]) & (counts["count"] > 0)]
    scale = alt.Scale(domain=classes)
    base = alt.Chart(inline(wrong)).encode(
        x=alt.X("predicted:N", scale=scale, axis=alt.Axis(labelAngle=0 if len(classes) <= 20 else -90)),
        y=alt.Y("actual:N", scale=scale),
    )
    cells = base.mark_rect().encode(color=alt.Color("count:Q", scale=alt.Scale(range=list(FAINT)), legend=None))
    layers = (
        [cells, base.mark_text(fontSize=11, color="#111").encode(text="count:Q")] if len(classes) <= 20 else [cells]
    )
    return alt.layer(*layers).properties(width=280, height=280, title="Mistakes on the judged images, all seeds")


def _epochs(curves: pd.DataFrame) -> alt.X:
    ticks = max(1, min(10, int(curves["epoch"].max())))
    return alt.X("epoch:Q", title="epoch (from 0)", axis=alt.Axis(tickCount=ticks, format="d"))
