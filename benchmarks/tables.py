"""results.md and the plots, made from results.json alone."""

from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from benchmarks import cases
from regbench.files import atomic

TURN = ["race", "contender", "round", "seconds", "cpu_seconds", "facts"]
"""Columns of `turns`, which is empty where only the pipeline was measured."""


def write(measured: dict[str, Any], out: Path) -> None:
    """Write `results.md`, and a plot of the training races where there are any."""
    turns = pd.DataFrame(measured["turns"], columns=TURN)
    summary = summarise(turns)
    parts = [
        _heading(measured),
        *_training(summary, turns),
        *_around(summary),
        *_growth(measured),
        *_pipeline(measured),
    ]
    with atomic(out / "results.md") as path:
        path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    trained = summary[summary["race"].str.startswith("train ")]
    if len(trained):
        _plot(trained, out / "training.png")


def summarise(turns: pd.DataFrame) -> pd.DataFrame:
    """Return medians, a row per race and contender, in the order of the turns."""
    facts = pd.json_normalize(turns["facts"].tolist())
    table = pd.concat([turns.drop(columns="facts"), facts], axis="columns")
    for column in ("accuracy", "images"):
        table[column] = table.get(column, float("nan"))
    groups = table.groupby(["race", "contender"], sort=False)
    return groups.agg(
        seconds=("seconds", "median"),
        least=("seconds", "min"),
        most=("seconds", "max"),
        cpu_seconds=("cpu_seconds", "median"),
        accuracy=("accuracy", "last"),
        images=("images", "last"),
        rounds=("round", "size"),
    ).reset_index()


def ratio(turns: pd.DataFrame, race: str, one: str, other: str, column: str = "seconds") -> float:
    """Return the median over rounds of one contender's `column` divided by the other's in the same round."""
    ours, theirs = (turns[(turns["race"] == race) & (turns["contender"] == who)] for who in (one, other))
    pairs = ours.merge(theirs, on="round", suffixes=("", "_other"))
    return float(median(pairs[column] / pairs[f"{column}_other"]))


def _heading(measured: dict[str, Any]) -> str:
    about, data = measured["machine"], measured["data"]
    peers = ", ".join(f"{name} {version}" for name, version in measured["peers"].items()) or "none"
    return (
        f"# Benchmark results\n\nMade by `make bench`; do not edit. Commit {about['commit']}, {about['processor']}, "
        f"{about['cores']} cores, load {about['load_at_start']:.1f} at the start, Python {about['python']}, torch "
        f"{about['torch']}.\nData: {data['raw']}, {data['train_images']:,} train and {data['validation_images']:,} "
        f"validation images. Medians of {measured['rounds']} interleaved rounds after a warm-up.\nPeers: {peers}.\n"
    )


def _training(summary: pd.DataFrame, turns: pd.DataFrame) -> list[str]:
    lines = [
        "## Training: seconds a model and epoch\n",
        "Ratios are medians over rounds of regbench's seconds divided by the contender's. Accuracy is on validation "
        "after the last round's epoch. regbench runs as many seeds at once as there are cores, one thread each; peers "
        "have all cores for one model.\n",
        "| variant | contender | seconds (least to most) | CPU s | accuracy % | regbench / it | target | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in summary[summary["race"].str.startswith("train ")].to_dict("records"):
        target = cases.TRAINING_TARGETS.get(row["contender"])
        reached = ratio(turns, row["race"], cases.OWN, row["contender"])
        met, shown = "", "" if target is None else f"{target:.2f}"
        if target is not None:
            met = "yes" if reached <= target else "**no**"
        if row["contender"] == cases.LIMIT:
            shown, met = f"{1 / cases.LIMIT_TARGET:.2f}", "yes" if reached <= 1 / cases.LIMIT_TARGET else "**no**"
        accuracy = "" if pd.isna(row["accuracy"]) else f"{100 * row['accuracy']:.2f}"
        lines.append(
            f"| {row['race'].removeprefix('train ')} | {row['contender']} | {row['seconds']:.2f} "
            f"({row['least']:.2f} to "
            f"{row['most']:.2f}) | {row['cpu_seconds']:.2f} | {accuracy} | {reached:.2f} | {shown} | {met} |"
        )
    return [*lines, "", *_bfloat16(summary, turns), *_costs(turns)] if len(lines) > 4 else []


def _bfloat16(summary: pd.DataFrame, turns: pd.DataFrame) -> list[str]:
    races = summary[summary["contender"] == cases.KERAS_JAX]["race"]
    lines = ["bfloat16 against Keras/JAX (target 0.40):\n", "| variant | ratio | |", "|---|---|---|"]
    for name in races[races.str.startswith("train ")]:
        reached = ratio(turns, name, cases.OWN_BFLOAT16, cases.KERAS_JAX)
        met = "yes" if reached <= cases.BFLOAT16_TARGET else "**no**"
        lines.append(f"| {name.removeprefix('train ')} | {reached:.2f} | {met} |")
    return [*lines, ""] if len(lines) > 3 else []


def _costs(turns: pd.DataFrame) -> list[str]:
    if cases.STRENGTHS not in set(turns["race"]):
        return []
    lines = ["What a strength costs: regbench's CPU seconds against its baseline's, medians over rounds of one race:\n"]
    lines += ["| variant | ratio | target | |", "|---|---|---|---|"]
    for variant, target in cases.COST_TARGETS.items():
        reached = ratio(turns, cases.STRENGTHS, variant, "baseline", "cpu_seconds")
        lines.append(f"| {variant} | {reached:.2f} | {target:.2f} | {'yes' if reached <= target else '**no**'} |")
    return [*lines, ""]


def _around(summary: pd.DataFrame) -> list[str]:
    rows = summary[~summary["race"].str.startswith("train ") & (summary["race"] != cases.STRENGTHS)]
    if rows.empty:
        return []
    lines = [
        "## Around training\n",
        "| what | contender | seconds a unit | images | images/s |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['race']} | {row['contender']} | {row['seconds']:.2f} | {row['images']:,.0f} | "
        f"{row['images'] / row['seconds']:,.0f} |"
        for row in rows.to_dict("records")
    ]
    return [*lines, ""]


def _growth(measured: dict[str, Any]) -> list[str]:
    if "growth" not in measured:
        return []
    lines = ["## Growth: one epoch, one process, one measurement each\n"]
    lines += ["| images | seconds | µs an image | own memory MB | mapped MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['images']:,} | {row['seconds']:.1f} | {1e6 * row['seconds'] / row['images']:.0f} | "
        f"{row['own_mb']:.0f} | {row['mapped_mb']:.0f} |"
        for row in measured["growth"]
    ]
    return [*lines, ""]


def _pipeline(measured: dict[str, Any]) -> list[str]:
    if "pipeline" not in measured:
        return []
    found = measured["pipeline"]
    lines = [
        "## The pipeline, in a fresh clone\n",
        f"{found['data']}, {found['seeds']} seeds, {found['epochs']} epochs: "
        f"`dvc repro` {found['wall_seconds']:.1f} s; "
        f"training alone {found['training_seconds']:.1f} s (seconds of all epochs divided by the cores): ratio "
        f"**{found['wall_seconds'] / found['training_seconds']:.2f}**. With nothing to do: "
        f"{found['nothing_to_do_seconds']:.1f} s (median of 5).\n",
        "| stage | seconds | peak MB (with its workers) |",
        "|---|---|---|",
    ]
    lines += [f"| {row['stage']} | {row['seconds']:.1f} | {row['peak_mb']:.0f} |" for row in found["stages"]]
    return [*lines, ""]


def _plot(trained: pd.DataFrame, path: Path) -> None:
    import altair as alt
    import vl_convert

    table = trained.assign(variant=trained["race"].str.removeprefix("train "))[["variant", "contender", "seconds"]]
    chart = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title="seconds a model and epoch (median)"),
            y=alt.Y("contender:N", sort=None, title=None),
            color=alt.Color("contender:N", sort=None, legend=None),
            row=alt.Row("variant:N", sort=None, title=None),
        )
        .properties(width=480)
    )
    with atomic(path) as temporary:
        temporary.write_bytes(vl_convert.vegalite_to_png(chart.to_json(), scale=2))
