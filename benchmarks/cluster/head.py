"""What the head process needs for very many trainings: its workers are threads that sleep and hand over small files.

Seconds of sleep cost the head nothing, so shorter ones measure the same head time in less time, up to what the
scheduler can hand out.
"""

import json
import os
import pickle
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client, get_worker

from benchmarks.cluster.study import FILES, SEEDS, prepare_data, small_params, trainings_of
from benchmarks.race import ROOT
from regbench.config.cluster import Dask
from regbench.config.compute import Compute
from regbench.engine.cluster.dask_executor import DaskExecutor
from regbench.engine.cluster.home import open_home
from regbench.engine.cluster.parcel import Parcel
from regbench.engine.cluster.worker import Delivery
from regbench.engine.run import Engine, open_engine, train
from regbench.engine.store import Store
from regbench.engine.tasks import RUNS
from regbench.runtime.hardware import Hardware

PROCESSES = 4
"""Of workers; their threads are the stubs at a time."""


def measure_head(folder: Path, tasks: int, at_a_time: int, span: tuple[float, float]) -> dict[str, Any]:
    """Let the engine train very many stubs; return what the head used, a row each time their number has doubled."""
    data, store = prepare_data(folder), Store(folder / "head/store")
    shutil.rmtree(store.root, ignore_errors=True)
    with open_engine(Compute(device="cpu", workers=1), store.root) as local:
        wanted = trainings_of(small_params(tasks // SEEDS), local, data)
    with (
        stub_cluster(folder, at_a_time, span) as address,
        open_home(store) as home,
        Client(address, set_as_default=False) as client,
    ):
        client.wait_for_workers(PROCESSES, timeout=60)
        executor = DaskExecutor(client, home, Dask(address=address), {}, stub)
        engine = Engine(executor, store, Compute(device="cpu"), Hardware("cpu", 1, "float32"))
        before, begin, cpu = peak_megabytes(), time.perf_counter(), time.process_time()
        train(engine, wanted, range(SEEDS), data, folder / "live")
        seconds, used = time.perf_counter() - begin, time.process_time() - cpu
        executor.close()
    return {
        "tasks": tasks,
        "at a time": at_a_time,
        "seconds of a stub": list(span),
        "seconds": round(seconds, 1),
        "milliseconds of head time a task": round(1000 * used / tasks, 2),
        "megabytes of the head before": before,
        "peak megabytes of the head": peak_megabytes(),
    }


def stub(parcel: Parcel, number: int, topic: str, folder: str) -> Delivery:
    """Take the time of a training, tell of it as one does, and hand over files of its size."""
    shortest, longest = (float(part) for part in os.environ.get("STUB_SECONDS", "1 60").split())
    worker = get_worker()
    worker.log_event(topic, {"begun": number})
    time.sleep(random.Random(number).uniform(shortest, longest))
    task = pickle.loads(parcel.content)[1][0]
    entries = {f"{RUNS}/{task.name}": {name: os.urandom(size) for name, size in FILES.items()}}
    return Delivery(pickle.dumps(None), entries)


@contextmanager
def stub_cluster(folder: Path, at_a_time: int, span: tuple[float, float]) -> Iterator[str]:
    """Yield the address of a scheduler whose workers have so many threads together."""
    own = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "STUB_SECONDS": f"{span[0]} {span[1]}"}
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    quiet: dict[str, Any] = {"env": {**os.environ, **own}, "stderr": subprocess.DEVNULL}
    place = ("--scheduler-file", str(file), "--no-dashboard")
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *place]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", *place, "--no-nanny", "--memory-limit", "0"]
    threads = ("--nthreads", str(at_a_time // PROCESSES))
    started = [subprocess.Popen(scheduler, **quiet)]
    try:
        while not file.exists():
            time.sleep(0.1)
        started += [subprocess.Popen([*worker, *threads], **quiet) for _ in range(PROCESSES)]
        yield json.loads(file.read_text())["address"]
    finally:
        for process in started:
            process.kill()
            process.wait()


def peak_megabytes() -> int:
    """Return the most memory that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
