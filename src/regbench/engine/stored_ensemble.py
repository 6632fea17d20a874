"""Combines an ensemble and stores it, with the same files as a single run."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from regbench.engine.ensemble_run import build_ensemble, save_ensemble
from regbench.engine.ensembles import EnsembleTask
from regbench.engine.store import Store
from regbench.engine.tasks import HISTORY, RESULT, RUNS, SPEC, TIMINGS
from regbench.errors import InputError
from regbench.files import write_csv, write_json
from regbench.training.boosting import WEIGHTS, read_vote


def assemble_into_store(task: EnsembleTask) -> None:
    """Execute a task, see `regbench.engine.ensembles.assemble`."""
    store, began = Store(task.store), (time.perf_counter(), time.process_time())
    entries = _entries(task, store)
    try:
        ensemble, records = build_ensemble(task.spec, entries, task.data)
    except InputError as error:
        raise InputError(f"ensembles.{task.label}: {error}") from None
    with store.write(RUNS, task.name) as folder:
        write_json(folder / RESULT, save_ensemble(folder, ensemble, records, task.seed))
        write_csv(folder / HISTORY, pd.DataFrame([asdict(record) for record in records]))
        write_json(folder / SPEC, task.spec.content)
        spent = time.perf_counter() - began[0], time.process_time() - began[1]
        write_csv(folder / TIMINGS, _timings(entries, len(records), spent))


def _entries(task: EnsembleTask, store: Store) -> list[Path]:
    """Return the entries of the networks that have a part in the ensemble."""
    entries = [store.place(RUNS, spec.run(seed)) for spec, seed in task.spec.runs(task.seed)]
    if task.spec.method != "boosting":
        return entries
    last = next((place for place, entry in enumerate(entries) if not (entry / WEIGHTS).is_file()), len(entries) - 1)
    return [entry for entry in entries[: last + 1] if read_vote(entry)]


def _timings(entries: Sequence[Path], rows: int, spent: tuple[float, float]) -> pd.DataFrame:
    """Return the seconds of each network; the last row includes the time to combine them.

    A single row covers all networks.
    """
    tables = [pd.read_csv(entry / TIMINGS) for entry in entries]
    sums = pd.DataFrame([table[["wall_seconds", "cpu_seconds"]].sum() for table in tables])
    sums["peak_megabytes"] = [table["peak_megabytes"].max() for table in tables]
    if rows == 1:
        sums = sums.agg({"wall_seconds": "sum", "cpu_seconds": "sum", "peak_megabytes": "max"}).to_frame().T
    sums.iloc[-1, :2] += np.array(spent)
    machine = {name: tables[-1][name].iloc[-1] for name in ("processor", "software")}
    return sums.reset_index(drop=True).rename_axis("epoch").reset_index().assign(**machine)
