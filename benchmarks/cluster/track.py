"""How fast runs enter MLflow as their number grows: the way of the stage `track`, with a database of its own."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

from benchmarks.cluster.study import SEEDS
from benchmarks.race import ROOT
from regbench.config.checking import load_params
from regbench.layout import Results
from regbench.tracking.collection import read_records, report_id, results_id
from regbench.tracking.run_record import RunRecord
from regbench.tracking.store import configure_client, find_store, write_ahead

FOLDERS = ("data", "tuned", "studies", "runs", "timings", "evaluation", "reports")


def measure_track(folder: Path, runs: int) -> dict[str, Any]:
    """Log so many runs; return the seconds to read them, and a row each time that their number has doubled."""
    project = folder / "track"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    sys.path.append(str(ROOT / "tests"))
    from support.tracking_project import write_project

    write_project(project, tuple(f"v{number}" for number in range(-(-runs // SEEDS))), tuple(range(SEEDS)))
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with chdir(project):
        begin = time.perf_counter()
        records = read_records(load_params(Path("params.yaml")), Results(**{name: Path(name) for name in FOLDERS}))
        shared = {"comparison": results_id(records), "report": report_id(records)}
        seconds = time.perf_counter() - begin
        print(f"{len(records)} records read in {seconds:.1f} s", flush=True)
        rows = list(_log(records, shared))
        begin = time.perf_counter()
        list(_log(records, shared))
        again = time.perf_counter() - begin
    return {"seconds to read": round(seconds, 1), "logged": rows, "seconds to find nothing missing": round(again, 1)}


def _log(records: list[RunRecord], shared: dict[str, str]) -> Iterator[dict[str, float]]:
    """Log what is missing; yield the rate since the row before."""
    store = find_store(Path.cwd())
    configure_client()
    write_ahead(store)
    from regbench.tracking.runs import Tracker  # imports mlflow

    begin, cpu, before, mark = time.perf_counter(), time.process_time(), 0, 250
    for count, _ in enumerate(Tracker(store).log_missing(records, shared), start=1):
        if count in (mark, len(records)):
            now, used, new = time.perf_counter(), time.process_time(), count - before
            row = {
                "runs": count,
                "runs per second": round(new / (now - begin), 2),
                "CPU ms per run": round(1000 * (used - cpu) / new, 1),  # Says the same on a busy machine, nearly.
            }
            print(row, flush=True)
            yield row
            begin, cpu, before, mark = now, used, count, 2 * mark
