"""Records of searches: a run per study, and nested in it a run per trial; read from files, so without optuna."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from regbench.config.params import Params
from regbench.files import read_json
from regbench.layout import Results
from regbench.tracking.metric_names import BEST, CURVES, SECONDS, TOTALS, TRIALS, WINNER, translate
from regbench.tracking.run_record import RunRecord, Status
from regbench.tracking.settings import colour, machine_tags, settings, text

STATUS: dict[str, Status] = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
"""Optuna's final state of a trial -> MLflow's run status."""
TABLES = ("trials.csv", "curves.csv", "repeats.csv", "summary.json")
"""Files of a study that its run carries, beside the plots; timings are no results."""


def read_search(params: Params, results: Results, name: str) -> list[RunRecord]:
    """Return the records of a variant's study and of its trials; none if nothing was searched.

    `params` hold the variant as the search resolved it.
    """
    if name not in {path.name for path in results.studies.iterdir()}:
        return []
    folder = results.studies / name
    summary = read_json(folder / "summary.json")
    data_hash = str(read_json(results.data / "report" / "report.json")["data_hash"])
    # As text: a trial's values are shown as they were written.
    trials = pd.read_csv(folder / "trials.csv", dtype=str, keep_default_na=False)
    curves = pd.read_csv(folder / "curves.csv")
    timings = pd.read_csv(folder / "timings.csv")
    tags = {"variant": name, "data_hash": data_hash, "study": summary["study"]}
    shared = {
        "experiment": f"{params.track.experiment}-search",
        "tags": tags,
        "stage": "tune",
        "machine": machine_tags(timings),
    }
    study = _study(params, name, summary, folder, timings, shared)
    shared["parent"] = study.key
    records = [study]
    for cells in trials.to_dict("records"):
        row = {str(column): str(value) for column, value in cells.items()}
        curve, seconds = (table[table["trial"] == int(row["trial"])] for table in (curves, timings))
        records.append(_trial(row, summary, curve, seconds, {**shared, "name": f"{name} {row['trial']}"}))
    return records


def _study(
    params: Params, name: str, summary: dict[str, Any], folder: Path, timings: pd.DataFrame, shared: dict[str, Any]
) -> RunRecord:
    search, winner = summary["search"], summary["winner"]
    repeats = pd.read_csv(folder / "repeats.csv")
    fresh = repeats[repeats["trial"] == winner].mean()
    ranges = {key: _described(searched) for key, searched in summary["searched"].items()}
    best = [math.nan if value is None else value for value in summary["best_so_far"]]
    states = {f"search/{state.lower()}": count for state, count in summary["states"].items()}
    plots = sorted((folder / "plots").glob("*.png"))
    return RunRecord(
        **shared,
        name=name,
        note=f"Search of {', '.join(ranges)} with {search['sampler']}, pruner {search['pruner']}. Trial {winner} wins "
        f"by the mean over the fresh seeds {text(search['fresh_seeds'])}; its values are among the parameters.",
        params=settings(params, name)
        | {"winner": str(winner)}
        | {f"range.{key}": described for key, described in ranges.items()}
        | {f"search.{key}": text(value) for key, value in search.items()},
        curves=translate({search["objective"]: best}, BEST),
        summary={
            **{f"importance/{key}": share for key, share in summary["importances"].items()},
            **_first(translate({column: [fresh[column]] for column in WINNER}, WINNER)),
            **states,
            "search/trials": len(timings),
            "work/epochs": summary["epochs"],
        },
        files={path.name: path for path in (folder / table for table in TABLES)}
        | {f"plots/{path.name}": path for path in plots},
        totals=_totals(timings),
        colour=colour(params, name),
    )


def _trial(
    row: dict[str, str], summary: dict[str, Any], curve: pd.DataFrame, timings: pd.DataFrame, shared: dict[str, Any]
) -> RunRecord:
    # Steps may have gaps: under several seeds, a training that stops early leaves some out.
    reported = [math.nan] * (int(curve["step"].max()) + 1 if len(curve) else 0)
    for step, value in zip(curve["step"], curve["value"], strict=True):
        reported[int(step)] = float(value)
    numbers = {column: [float(row[column])] for column in TRIALS if row.get(column)}
    told = {key: row[key] for key in ("state", "reason", "same_as") if row[key]}
    return RunRecord(
        **{**shared, "tags": {**shared["tags"], "trial": row["trial"], **told}},
        note=told.get("reason", ""),
        params={key: text(row[key]) for key in summary["searched"]},
        curves=translate({summary["search"]["objective"]: reported}, CURVES),
        summary=_first(translate(numbers, TRIALS)),
        status=STATUS[row["state"]],
        totals=_totals(timings),
    )


def _described(searched: Mapping[str, Any]) -> str:
    """Return a range, or choices, in words: `1e-06 to 0.01, log, start 0.0001`."""
    ends = (
        text(searched["choices"]) if "choices" in searched else f"{text(searched['low'])} to {text(searched['high'])}"
    )
    words = [ends, "log" if searched.get("log") else ""]
    words += [f"{key} {text(searched[key])}" for key in ("step", "start") if searched.get(key) not in (None, 0)]
    return ", ".join(word for word in words if word)


def _totals(timings: pd.DataFrame) -> dict[str, float]:
    return {TOTALS[name]: float(timings[column].sum()) for column, name in SECONDS.items()}


def _first(columns: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: values[0] for name, values in columns.items()}
