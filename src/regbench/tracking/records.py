"""What each MLflow run holds, read from the pipeline's files; no mlflow here."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import InputError
from regbench.files import read_array, read_json, sha256
from regbench.params import Params
from regbench.tracking.metric_names import CURVES, INTERVAL, SCORES, SECONDS, WALL, Named, translate
from regbench.tracking.settings import colour, settings, text

COLOURS = [
    "000000",
    "0072B2",
    "D55E00",
    "009E73",
    "CC79A7",
    "E69F00",
    "56B4E9",
    "882255",
    "999933",
    "44AA99",
    "661100",
    "332288",
]
"""Of variants in the order of `params.yaml`: MLflow's own repeat within ten runs."""
REPORT = ("comparison.html", "comparison.png")
"""Files of the report that every variant's run carries, beside the picture of its own."""


@dataclass(frozen=True)
class Results:
    """Folders and files that the stages before leave."""

    data: Path
    tuned: Path
    runs: Path
    timings: Path
    evaluation: Path
    reports: Path


@dataclass(frozen=True)
class RunRecord:
    """All that one MLflow run holds."""

    experiment: str
    name: str
    tags: dict[str, str]
    note: str
    """Description in Markdown."""
    params: dict[str, str]
    curves: dict[str, list[float]]
    """A number an epoch."""
    summary: dict[str, float]
    files: dict[str, Path]
    """Path in the run's artifacts -> file."""
    model: Path
    """Folder of the network saved at `best_epoch`."""
    best_epoch: int
    example: NDArray[np.uint8]
    """Two images (2, C, H, W) that show what the model takes."""
    seconds: dict[str, list[float]]
    """A duration an epoch; changes from run to run, so it is no part of the key."""
    colour: str
    report: tuple[Path, ...] = ()
    """Page and picture that compare this run with others; like the colour, no part of the key."""

    @cached_property
    def key(self) -> str:
        """Hash of the results in this record: equal results, equal key, whenever and however long they were made."""
        content = {
            "run": [self.experiment, self.name, self.tags, self.note, self.params, self.best_epoch],
            "numbers": [self.curves, self.summary],
            "files": {place: sha256(path) for place, path in self.files.items()},
            "model": [sha256(self.model / name) for name in ("model.json", "model.safetensors")],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def duration(self) -> float:
        """Wall seconds of the training."""
        return sum(self.seconds.get(WALL, []))


def read_records(params: Params, results: Results) -> list[RunRecord]:
    """Return a record a variant, then a record a variant and seed, in the order of `params.yaml`.

    Raises:
        InputError: a file is missing or lacks a variant or seed: the pipeline has not finished.
    """
    try:
        reader = _Reader(params, results)
        variants = [reader.variant(name) for name in params.variants]
        return variants + [reader.seed(name, seed) for name in params.variants for seed in params.seeds]
    except FileNotFoundError as error:
        raise _missing(error) from None
    except KeyError as error:
        raise InputError(f"{results.reports}: lacks {error}: run `make repro` first") from None


def report_id(records: list[RunRecord]) -> str:
    """Return the hash of the report's files."""
    try:
        files = sorted({path for record in records for path in record.report})
        return hashlib.sha256("".join(sha256(path) for path in files).encode()).hexdigest()[:12]
    except FileNotFoundError as error:
        raise _missing(error) from None


def comparison_id(records: list[RunRecord]) -> str:
    """Return the name of a set of results that belong together."""
    return hashlib.sha256("".join(sorted(record.key for record in records)).encode()).hexdigest()[:12]


def _missing(error: FileNotFoundError) -> InputError:
    return InputError(f"{error.filename}: no such file: run `make repro` first")


class _Reader:
    """Reads the shared files once."""

    def __init__(self, params: Params, results: Results) -> None:
        self.params, self.results = params, results
        self.split = read_json(results.evaluation / "split.json")["split"]
        self.data_hash = str(read_json(results.data / "report" / "report.json")["data_hash"])
        self.table = pd.read_csv(results.reports / "comparison.csv", dtype={"variant": str}).set_index("variant")
        self.curves = pd.read_csv(results.reports / "curves.csv", dtype={"variant": str})
        self.example = np.resize(read_array(results.data / "train.npy")[:2], (2, *self._shape()))

    def variant(self, name: str) -> RunRecord:
        """Means over the seeds, with the interval; the model of the first seed."""
        seeds = self.params.seeds
        scores = self._scores(name)
        row = pd.concat([scores.mean(), self.table.loc[name].reindex(list(INTERVAL))])
        return RunRecord(
            experiment=self.params.track.experiment,
            name=name,
            tags={"variant": name, "data_hash": self.data_hash},
            note=f"Means over {len(seeds)} seeds ({text(seeds)}). `error_pct_low` and `error_pct_high` are the ends "
            f"of the {100 * self.params.evaluate.confidence:g} % interval. The model is that of seed {seeds[0]}.",
            params=settings(self.params, name) | {"seeds": text(seeds)},
            curves=translate(self.curves[self.curves["variant"] == name].to_dict("list"), CURVES),
            summary=self._summary(row.to_dict(), SCORES | INTERVAL),
            files={f"tables/{path.name}": path for path in self._tables(name)},
            model=self.results.runs / name / f"seed-{seeds[0]}",
            best_epoch=int(scores["best_epoch"].loc[seeds[0]]),
            example=self.example,
            seconds=_seconds(self._timings(name).groupby("epoch").mean(numeric_only=True)),
            colour=colour(self.params, name),
            report=(*(self.results.reports / name for name in REPORT), self._picture(name)),
        )

    def seed(self, name: str, seed: int) -> RunRecord:
        """One training."""
        folder = self.results.runs / name / f"seed-{seed}"
        scores = self._scores(name).loc[seed].to_dict()
        timings = self._timings(name)
        return RunRecord(
            experiment=f"{self.params.track.experiment}-seeds",
            name=f"{name} {seed}",
            tags={"variant": name, "seed": str(seed), "data_hash": self.data_hash},
            note="One training. The model and the summary numbers are those of the best epoch.",
            params=settings(self.params, name) | {"seed": str(seed)},
            curves=translate(pd.read_csv(folder / "history.csv").to_dict("list"), CURVES),
            summary=self._summary(scores, SCORES),
            files={"result.json": folder / "result.json"},
            model=folder,
            best_epoch=int(scores["best_epoch"]),
            example=self.example,
            seconds=_seconds(timings[timings["seed"] == seed]),
            colour=colour(self.params, name),
            report=(self._picture(name),),
        )

    def _shape(self) -> tuple[int, int, int]:
        shape = read_json(self.results.data / "dataset.json")
        return int(shape["channels"]), int(shape["height"]), int(shape["width"])

    def _scores(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.results.evaluation / name / "scores.csv").set_index("seed", drop=True)

    def _timings(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.results.timings / f"{name}.csv")

    def _picture(self, name: str) -> Path:
        return self.results.reports / "variants" / f"{name}.png"

    def _tables(self, name: str) -> list[Path]:
        return sorted((self.results.evaluation / name).glob("*.csv"))

    def _summary(self, row: dict[Any, Any], names: dict[str, tuple[Named, ...]]) -> dict[str, float]:
        found = translate({str(column): [value] for column, value in row.items()}, names, self.split)
        return {name: values[0] for name, values in found.items()}


def _seconds(table: pd.DataFrame) -> dict[str, list[float]]:
    return {name: table[column].tolist() for column, name in SECONDS.items()}
