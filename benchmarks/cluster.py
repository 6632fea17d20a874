"""What executors cost: overhead a training and gain of a second worker; and a head with very many trainings.

python -m benchmarks.cluster overhead FOLDER [--executors local dask slurm] [--runs 20]
python -m benchmarks.cluster head FOLDER [--tasks 100000] [--at-a-time 1000] [--shortest 1] [--longest 60]

`head` trains nothing: its workers are threads that sleep and hand over small files. Seconds of sleep cost the head
nothing, so shorter ones measure the same head time in less time, up to what the scheduler can hand out.
"""

import argparse
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

from regbench.config.checking import load_params
from regbench.config.cluster import Dask
from regbench.config.compute import Compute
from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.data import ingest, sample
from regbench.data.dataset import data_digest
from regbench.engine.augment import make_augmentations
from regbench.engine.cluster.dask_executor import DaskExecutor
from regbench.engine.cluster.home import open_home
from regbench.engine.cluster.parcel import Parcel
from regbench.engine.cluster.worker import Delivery
from regbench.engine.experiment_spec import training_spec
from regbench.engine.run import Engine, Training, open_engine, train
from regbench.engine.store import Store
from regbench.engine.tasks import RUNS
from regbench.files import write_json
from regbench.runtime.hardware import Hardware

ROOT = Path(__file__).resolve().parents[1]
FILES = {"model.safetensors": 20_000, "history.csv": 1_000, "result.json": 500, "spec.json": 1_500, "timings.csv": 700}
"""Bytes of what a stub hands over."""
SEEDS = 100


def trainings(params: Params, engine: Engine, data: Path) -> list[Training]:
    """Return the trainings of all variants."""
    places = make_augmentations(engine, params.recipes, params.augment, data)
    digest, found = data_digest(data), []
    for name, variant in params.variants.items():
        place = places[variant.recipe]
        found.append(Training(name, training_spec(params, name, engine.hardware, digest, place.name), place))
    return found


def small_params(variants: int) -> Params:
    """Return the shipped parameters with a small network and so many variants, of one epoch each."""
    shipped = load_params(ROOT / "params.yaml")
    made = {f"v{number}": Variant(recipe="plain", l2=1e-6 * (number + 1)) for number in range(variants)}
    return shipped.model_copy(
        update={
            "recipes": {"plain": shipped.recipes["plain"]},
            "model": shipped.model.model_copy(update={"hidden": (100, 100)}),
            "train": shipped.train.model_copy(update={"epochs": 1}),
            "variants": made,
        }
    )


def prepare(folder: Path) -> Path:
    """Ingest the sample of digits; return where the splits are."""
    out = folder / "data"
    if not out.exists():
        sample.write_sample(folder / "sample.zip")
        settings = load_params(ROOT / "params.yaml").data.model_copy(update={"raw": str(folder / "sample.zip")})
        ingest.write(ingest.ingest(settings), out)
    return out


def measure_overhead(folder: Path, executors: list[str], runs: int) -> list[dict[str, Any]]:
    """Train the same runs on each executor with one worker and with two; workers are warm before the clock starts."""
    data, found = prepare(folder), []
    for executor in executors:
        for workers in (1, 2):
            slurm = {"trainings": max(1, runs // workers), "at_once": workers}
            compute = Compute.model_validate(
                {"device": "cpu", "workers": workers, "executor": executor, "slurm": slurm, "checkpoint_epochs": 0}
            )
            store = folder / f"{executor}-{workers}"
            shutil.rmtree(store, ignore_errors=True)
            with open_engine(compute, store) as engine:
                wanted = trainings(small_params(1), engine, data)
                warm = [seed + 10_000 for seed in range(workers)]
                train(engine, wanted, warm, data, folder / "live")
                begin = time.perf_counter()
                train(engine, wanted, range(runs), data, folder / "live")
                seconds = time.perf_counter() - begin
            spent = sum(_seconds(store, wanted[0], seed) for seed in range(runs))
            found.append(
                {
                    "executor": executor,
                    "workers": workers,
                    "seconds": round(seconds, 2),
                    "milliseconds a training": round(1000 * seconds * workers / runs, 1),
                    "of these its epochs": round(1000 * spent / runs, 1),
                }
            )
            print(found[-1], flush=True)
    return found


def _seconds(store: Path, training: Training, seed: int) -> float:
    table = (store / RUNS / training.spec.run(seed) / "timings.csv").read_text().splitlines()
    column = table[0].split(",").index("wall_seconds")
    return sum(float(row.split(",")[column]) for row in table[1:])


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
    started = [subprocess.Popen(scheduler, **quiet)]
    try:
        while not file.exists():
            time.sleep(0.1)
        started += [subprocess.Popen([*worker, "--nthreads", str(at_a_time // 4)], **quiet) for _ in range(4)]
        yield json.loads(file.read_text())["address"]
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure_head(folder: Path, tasks: int, at_a_time: int, span: tuple[float, float]) -> dict[str, Any]:
    """Let the engine train very many stubs; return what the head used, and what the store takes to find them again."""
    data, store = prepare(folder), Store(folder / "head")
    shutil.rmtree(store.root, ignore_errors=True)
    params = small_params(tasks // SEEDS)
    with (
        stub_cluster(folder, at_a_time, span) as address,
        open_home(store) as home,
        Client(address, set_as_default=False) as client,
    ):
        client.wait_for_workers(4, timeout=60)
        executor = DaskExecutor(client, home, Dask(address=address), {}, stub)
        engine = Engine(executor, store, Compute(device="cpu"), Hardware("cpu", 1, "float32"))
        with open_engine(Compute(device="cpu", workers=1), store.root) as local:
            wanted = trainings(params, local, data)
        begin, cpu = time.perf_counter(), time.process_time()
        train(engine, wanted, range(SEEDS), data, folder / "live")
        seconds, used = time.perf_counter() - begin, time.process_time() - cpu
        begin = time.perf_counter()
        names = [training.spec.run(seed) for training in wanted for seed in range(SEEDS)]
        missing = [name for name in names if store.find(RUNS, name) is None]
        find = time.perf_counter() - begin
        executor.close()
    return {
        "tasks": tasks,
        "at a time": at_a_time,
        "seconds of a stub": list(span),
        "seconds": round(seconds, 1),
        "milliseconds of head time a task": round(1000 * used / tasks, 2),
        "peak megabytes of the head": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
        "missing": len(missing),
        "seconds to find what is missing": round(find, 2),
    }


def main() -> None:
    """Measure, print, and write results.json to the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "head"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--executors", nargs="+", default=["local", "dask"])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--at-a-time", type=int, default=1000)
    parser.add_argument("--shortest", type=float, default=1.0, help="seconds of a stub")
    parser.add_argument("--longest", type=float, default=60.0, help="seconds of a stub")
    given = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    found: Any
    if given.what == "overhead":
        found = measure_overhead(folder, given.executors, given.runs)
    else:
        found = measure_head(folder, given.tasks, given.at_a_time, (given.shortest, given.longest))
        print(found, flush=True)
    from benchmarks.machine import machine  # imports torch, which a head does not

    write_json(folder / f"{given.what}.json", {"machine": machine(), "found": found})


if __name__ == "__main__":
    main()
