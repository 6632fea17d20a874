"""How long the engine takes to find what a store of very many runs lacks, and to cut the store back to its size."""

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.cluster.study import FILES, SEEDS, prepare_data, small_params, trainings_of
from regbench.config.compute import Compute
from regbench.engine.local import InlineExecutor
from regbench.engine.run import Engine, find_missing, open_engine, tasks_of, train_runs
from regbench.engine.store import Store
from regbench.engine.tasks import RUNS
from regbench.runtime.hardware import Hardware


def measure_missing(folder: Path, tasks: int) -> list[dict[str, Any]]:
    """Look for a quarter, half and all of so many runs, of which the store has every one."""
    data, store = prepare_data(folder), Store(folder / "missing/store")
    shutil.rmtree(store.root, ignore_errors=True)
    with open_engine(Compute(device="cpu", workers=1), store.root) as local:
        wanted = trainings_of(small_params(tasks // SEEDS), local, data)
    engine = Engine(InlineExecutor(), store, Compute(device="cpu"), Hardware("cpu", 1, "float32"))
    found, filled = [], 0
    for variants in (len(wanted) // 4, len(wanted) // 2, len(wanted)):
        write_entries(store, (one.spec.run(seed) for one in wanted[filled:variants] for seed in range(SEEDS)))
        filled = variants
        runs = [(training, seed) for seed in range(SEEDS) for training in wanted[:variants]]
        row = {
            "runs": len(runs),
            "seconds to find what is missing": _seconds(_find_nothing, engine, runs, data),
            "seconds to find the size of the store": _seconds(store.prune, 1e15),
            "seconds of a `train` without trainings": _seconds(train_runs, engine, runs, data, folder / "live"),
        }
        found.append(row)
        print(row, flush=True)
    return found


def write_entries(store: Store, names: Iterable[str]) -> None:
    """Write entries with the files of a run, which have its sizes and take no space on disk."""
    for name in names:
        place = store.place(RUNS, name)
        place.mkdir(parents=True)
        for file, size in FILES.items():
            with (place / file).open("wb") as empty:
                empty.truncate(size)


def _find_nothing(engine: Engine, runs: list[Any], data: Path) -> None:
    missing = find_missing(engine, tasks_of(engine, runs, data, engine.store.root / "live"))
    assert not missing, f"{len(missing)} runs are not found"


def _seconds(function: Callable[..., object], *arguments: Any) -> float:
    begin = time.perf_counter()
    function(*arguments)
    return round(time.perf_counter() - begin, 2)
