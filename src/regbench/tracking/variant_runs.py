"""Build records of trained variants: one run per variant, for comparison, and one per variant and seed."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regbench.config.params import Params
from regbench.data.dataset import IMAGES
from regbench.engine.tasks import SPEC
from regbench.files import read_array, read_json
from regbench.layout import Results
from regbench.tracking.metric_names import (
    BALANCED_INTERVAL,
    CPU_SHARE,
    CURVES,
    INTERVAL,
    MEMORY,
    SCORES,
    SECONDS,
    TOTALS,
    Named,
    translate,
)
from regbench.tracking.run_record import Network, RunRecord
from regbench.tracking.settings import colour, machine_tags, settings, text
from regbench.tracking.standing import standing

REPORT = ("comparison.html", "comparison.png")
"""Files of the report that every variant's run carries, beside the picture of its own."""
VERDICTS = {
    "verdict": "verdict",
    "log_loss_verdict": "verdict_by_log_loss",
    "seeds_needed": "seeds_needed",
    "same_network_as": "same_network_as",
}
"""Columns of the comparison that become tags, and their names."""
DIGITS = 4
"""Decimals of the summary numbers; the files among the artifacts have all."""


class FinalsReader:
    """Reads the files that all variants share once, and those that all seeds of a variant share once for them."""

    def __init__(self, params: Params, results: Results) -> None:
        self.params, self.results = params, results
        evaluated = read_json(results.evaluation / "split.json")
        self.split, self.images = evaluated["split"], evaluated["images"]
        self.data_hash = str(read_json(results.data / "report" / "report.json")["data_hash"])
        self.table = _read_named(results.reports / "comparison.csv").set_index("variant")
        self.curves = _read_named(results.reports / "curves.csv")
        self._scores, self._timings = lru_cache(1)(self._read_scores), lru_cache(1)(self._read_timings)
        self.example = np.resize(read_array(results.data / "train" / IMAGES)[:2], (2, *self._shape()))

    def variant(self, name: str) -> RunRecord:
        """Means over the seeds, with the interval; the model of the first seed."""
        seeds = self.params.seeds
        scores = self._scores(name)
        interval = BALANCED_INTERVAL if self.params.evaluate.score == "balanced_error" else INTERVAL
        row = pd.concat([scores.mean(), self.table.loc[name].reindex(list(interval))])
        return RunRecord(
            experiment=self.params.track.experiment,
            name=name,
            tags={
                "variant": name,
                "data_hash": self.data_hash,
                "n": f"{self.images:,} x {len(seeds)}",
            },
            stage="train",
            note=f"Means over {len(seeds)} seeds ({text(seeds)}). `error_pct_low` and `error_pct_high` are the ends "
            f"of the {100 * self.params.evaluate.confidence:g} % interval; `n` is images x seeds. "
            f"The model is that of seed {seeds[0]}.",
            params=settings(self.params, name) | {"seeds": text(seeds)},
            curves=translate(self.curves[self.curves["variant"] == name].to_dict("list"), CURVES),
            summary=self._summary(row.to_dict(), SCORES | interval),
            files={f"tables/{path.name}": path for path in self._tables(name)},
            network=self._network(name, seeds[0], scores["best_epoch"].loc[seeds[0]]),
            compared=True,
            **self._durations(self._timings(name).groupby("epoch").mean(numeric_only=True)),
            machine=machine_tags(self._timings(name)) | self._hardware(name, seeds[0]),
            verdicts=self._verdicts(name),
            standing=self._standing(name),
            colour=colour(self.params, name),
            report=(*(self.results.reports / name for name in REPORT), self._picture(name)),
        )

    def seed(self, name: str, seed: int) -> RunRecord:
        """One training."""
        folder = self._folder(name, seed)
        scores = self._scores(name).loc[seed].to_dict()
        timings = self._timings(name)
        return RunRecord(
            experiment=f"{self.params.track.experiment}-seeds",
            name=f"{name} {seed}",
            tags={"variant": name, "seed": str(seed), "data_hash": self.data_hash},
            stage="train",
            note="One training. The model and the summary numbers are those of the best epoch.",
            params=settings(self.params, name) | {"seed": str(seed)},
            curves=translate(pd.read_csv(folder / "history.csv").to_dict("list"), CURVES),
            summary=self._summary(scores, SCORES),
            files={"result.json": folder / "result.json"},
            network=self._network(name, seed, scores["best_epoch"]),
            compared=True,
            **self._durations(timings[timings["seed"] == seed]),
            machine=machine_tags(timings) | self._hardware(name, seed),
            colour=colour(self.params, name),
            report=(self._picture(name),),
        )

    def _folder(self, name: str, seed: int) -> Path:
        return self.results.runs / name / f"seed-{seed}"

    def _hardware(self, name: str, seed: int) -> dict[str, str]:
        """Return tags of a run's hardware, after `auto` was resolved."""
        hardware = read_json(self._folder(name, seed) / SPEC)["hardware"]
        return {key: str(hardware[key]) for key in ("device", "precision")}

    def _verdicts(self, name: str) -> dict[str, str]:
        """Return the tags of the verdicts; "reference" for the baseline."""
        row = self.table.loc[name].reindex(list(VERDICTS))
        shown = {column: f"{value:g}" if isinstance(value, float) else str(value) for column, value in row.items()}
        found = {tag: shown[column] for column, tag in VERDICTS.items() if pd.notna(row[column])}
        return found or {"verdict": "reference"}

    def _standing(self, name: str) -> str:
        names = tuple(self.params.variants)
        baseline = "baseline" if "baseline" in names else names[0]
        balanced = "balanced " if self.params.evaluate.score == "balanced_error" else ""
        row = self.table.loc[name].to_dict()
        return standing(row, baseline, f"{balanced}{self.split} error", self.params.evaluate.confidence)

    def _network(self, name: str, seed: int, best_epoch: float) -> Network:
        return Network(self._folder(name, seed), int(best_epoch), self.example)

    def _picture(self, name: str) -> Path:
        return self.results.reports / "variants" / f"{name}.png"

    def _shape(self) -> tuple[int, int, int]:
        shape = read_json(self.results.data / "dataset.json")
        return int(shape["channels"]), int(shape["height"]), int(shape["width"])

    def _read_scores(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.results.evaluation / name / "scores.csv").set_index("seed", drop=True)

    def _read_timings(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.results.timings / f"{name}.csv")

    def _tables(self, name: str) -> list[Path]:
        return sorted((self.results.evaluation / name).glob("*.csv"))

    def _durations(self, table: pd.DataFrame) -> dict[str, Any]:
        """Return the record's fields of what depends on the machine, from a row per epoch."""
        seconds = {name: table[column].tolist() for column, name in SECONDS.items()}
        totals = {TOTALS[name]: sum(values) for name, values in seconds.items()}
        if self.params.track.system_metrics:
            seconds[CPU_SHARE] = (100 * table["cpu_seconds"] / table["wall_seconds"]).tolist()
            seconds[MEMORY] = table["peak_megabytes"].tolist()
        return {"seconds": seconds, "totals": totals}

    def _summary(self, row: dict[Any, Any], names: dict[str, tuple[Named, ...]]) -> dict[str, float]:
        found = translate({str(column): [value] for column, value in row.items()}, names, self.split)
        # MLflow's tables show all digits that there are.
        return {name: round(values[0], DIGITS) for name, values in found.items()}


def _read_named(file: Path) -> pd.DataFrame:
    """Read a table of variants, whose names stay text: one may be called `NA` or `007`. An empty cell is no value."""
    return pd.read_csv(file, dtype={"variant": str, "same_network_as": str}, keep_default_na=False, na_values=[""])
