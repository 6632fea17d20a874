"""Robustness: the error of each variant on corrupted images."""

from pathlib import Path

import altair as alt
import pandas as pd
from altair.typing import ChartType

from regbench.config.experiment import EvaluatedExperiment
from regbench.report.drawing import FAINT, INK, inline, panels
from regbench.report.tables import required, table
from regbench.statistics.intervals import mean_interval

COLUMNS = ("variant", "corruption", "severity", "error_percent", "low", "high")


def robustness(params: EvaluatedExperiment, evaluation: Path) -> pd.DataFrame:
    """Return a row per variant, corruption and severity with the columns COLUMNS, in the order of `params.yaml`.

    Errors are means over seeds in percent. `low` and `high` are the ends of their interval over seeds (the images are
    the same for all). The table is empty where `evaluate.robustness_images` is 0.
    """
    rows = []
    for variant in params.names:
        scores = required(evaluation / variant / "robustness.csv", table)
        for (corruption, severity), group in scores.groupby(["corruption", "severity"], sort=False):
            error = mean_interval(100 * (1 - group["accuracy"].to_numpy()), params.evaluate.confidence)
            rows.append((variant, corruption, severity, error.mean, error.low, error.high))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def robustness_rows(found: pd.DataFrame, order: list[str]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells, rows in `order`: error % per corruption, and over all of them."""
    errors = found.groupby(["variant", "corruption"], sort=False)["error_percent"].mean().unstack(sort=False)
    errors.insert(0, "all", errors.mean(axis=1))
    rows = [[name, *(f"{error:.1f}" for error in errors.loc[name])] for name in order if name in errors.index]
    return ["error %, corrupted", *map(str, errors.columns)], rows


def robustness_chart(found: pd.DataFrame, order: list[str]) -> ChartType:
    """Draw the errors as a heat map: rows are variants in `order`, columns are corruptions and severities."""
    kinds = list(dict.fromkeys(found["corruption"]))
    base = alt.Chart(inline(found)).encode(
        x=alt.X("severity:O", title=None, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("variant:N", title=None, scale=alt.Scale(domain=order), axis=alt.Axis(ticks=False, domain=False)),
    )
    colour = alt.Color(
        "error_percent:Q",
        title="error, %",
        scale=alt.Scale(type="sqrt", domainMin=0, range=list(FAINT)),
        legend=alt.Legend(orient="top", gradientLength=140),
    )
    names = {"error_percent": "error, %", "low": "low", "high": "high"}
    numbers = [alt.Tooltip(f"{name}:Q", title=title, format=".1f") for name, title in names.items()]
    cells = base.mark_rect().encode(
        color=colour,
        tooltip=[alt.Tooltip("variant:N"), alt.Tooltip("corruption:N"), alt.Tooltip("severity:O"), *numbers],
    )
    text = base.mark_text(fontSize=11, color=INK).encode(text=alt.Text("error_percent:Q", format=".0f"))
    severities = found["severity"].nunique()
    cell = 34
    layered = alt.layer(cells, text).properties(width=alt.Step(cell), height=alt.Step(22))
    longest = max(map(len, order), default=0)
    return panels(layered, kinds, "severity of the corruption", cell * severities + 30 + 7 * longest, "corruption")
