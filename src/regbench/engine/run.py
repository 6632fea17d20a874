"""Train the runs that the store does not have, on all cores."""

import math
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from regbench.config.compute import Compute
from regbench.engine.executor import Executor
from regbench.engine.local import local_executor
from regbench.engine.progress import wait_for
from regbench.engine.spec import TrainingSpec
from regbench.engine.store import Store
from regbench.engine.tasks import RUNS, TrainingTask, run_training, settle_hardware, without_rounds_of_others
from regbench.errors import DivergedError, WorkerDiedError
from regbench.layout import STORE
from regbench.runtime.hardware import Hardware

T = TypeVar("T")


@dataclass(frozen=True)
class Engine:
    """What trainings, searches and evaluations run on."""

    executor: Executor
    store: Store
    compute: Compute
    hardware: Hardware


@dataclass(frozen=True)
class Training:
    """One variant to train."""

    label: str
    """Name of the variant."""
    spec: TrainingSpec
    augmentation: Path
    """Folder of its augmented images."""


@contextmanager
def open_engine(compute: Compute, store: Path = STORE, most: int = sys.maxsize) -> Iterator[Engine]:
    """Yield an engine of local worker processes, `most` at most, or of the cluster that the parameters name.

    Raises:
        ClusterError: the cluster cannot be used.
        InputError: a GPU is asked for and there is none, or what the cluster needs is not installed.
        WorkerDiedError: a worker was killed, or there was no memory for it.
    """
    memory = store / "hardware.json"
    try:
        if compute.executor != "local":
            from regbench.engine.cluster.opening import cluster_executor

            with cluster_executor(compute, Store(store)) as cluster:
                yield Engine(cluster, Store(store), compute, _settle(cluster.far, compute, memory))
                return
        with local_executor(max(1, min(compute.processes, most))) as executor:
            hardware = _settle(executor, compute, memory)
            if hardware.device == "cpu":
                yield Engine(executor, Store(store), compute, hardware)
                return
        with local_executor(min(compute.trainings_per_gpu, most)) as executor:
            yield Engine(executor, Store(store), compute, hardware)
    except BrokenProcessPool:
        raise WorkerDiedError(
            f"a worker process was killed; perhaps memory ran out: lower compute.workers = {compute.processes}, then "
            "start again: what was finished is kept"
        ) from None


def _settle(executor: Executor, compute: Compute, memory: Path) -> Hardware:
    """Return what the executor's workers compute on, and say so where it was measured."""
    if compute.device == "cpu" and compute.precision != "auto":
        return Hardware("cpu", compute.threads, compute.precision)
    hardware, sentence = executor.submit(settle_hardware, compute, memory).result()
    if sentence:
        print(sentence, flush=True)
    return hardware


def train(engine: Engine, trainings: Sequence[Training], seeds: Sequence[int], data: Path, live: Path) -> None:
    """Train each variant under each seed, unless the store has the run; equal specs are trained once.

    All missing runs are submitted at once, those that take longest first, and seed by seed, so that what is interrupted
    is a comparison under fewer seeds. `live` is a folder of files that show running trainings.

    Raises:
        DivergedError: losses are no longer finite: a line each, after all other runs were trained.
    """
    train_runs(engine, [(training, seed) for seed in seeds for training in trainings], data, live)


def train_runs(
    engine: Engine, runs: Sequence[tuple[Training, int]], data: Path, live: Path, keep: Collection[Path] = ()
) -> None:
    """Train runs, (variant, seed), as `train`; entries of the store in `keep` stay, beside those of these runs.

    Raises:
        DivergedError: as `train`.
    """
    wanted = tasks_of(engine, runs, data, live)
    lacking = find_missing(engine, wanted)
    missing = without_rounds_of_others(lacking)
    print(
        f"train: {len(runs)} runs needed, {len(wanted) - len(lacking)} of {len(wanted)} different "
        f"ones found, {len(missing)} to train",
        flush=True,
    )
    _train(engine, sorted(missing, key=lambda task: -task.spec.cost), wanted, keep=keep)


def train_until(
    engine: Engine, runs: Sequence[tuple[Training, int]], data: Path, live: Path, deadline: float
) -> set[tuple[str, int]]:
    """Train runs, (variant, seed), in this order, if they begin before `deadline`, of `time.monotonic`.

    Returns the label and seed of those that are in the store at the end.

    Raises:
        DivergedError: as `train`.
    """
    wanted = tasks_of(engine, runs, data, live)
    _train(engine, find_missing(engine, wanted), wanted, deadline)
    there = wanted.keys() - engine.store.missing(RUNS, wanted)
    return {(training.label, seed) for training, seed in runs if training.spec.run(seed) in there}


def run_all(engine: Engine, function: Callable[..., T], arguments: Mapping[Any, Any], what: str) -> dict[Any, T]:
    """Return `function(argument)` for each named argument, computed on all cores; `what` titles the progress bar."""
    futures = {engine.executor.submit(function, argument): name for name, argument in arguments.items()}
    with tqdm(total=len(futures), desc=what, disable=None) as bar:
        for future in futures:
            future.add_done_callback(lambda _: bar.update())
        return {name: future.result() for future, name in futures.items()}


def tasks_of(engine: Engine, runs: Sequence[tuple[Training, int]], data: Path, live: Path) -> dict[str, TrainingTask]:
    """Return the task of each different run, by its name in the store."""
    wanted: dict[str, TrainingTask] = {}
    for training, seed in runs:
        task = TrainingTask(
            training.spec,
            seed,
            data,
            training.augmentation,
            engine.store.root,
            training.label,
            engine.compute.checkpoint_epochs,
            live,
        )
        wanted.setdefault(task.name, task)
    return wanted


def find_missing(engine: Engine, wanted: Mapping[str, TrainingTask]) -> list[TrainingTask]:
    """Return the tasks whose results are not in the store, in their order."""
    names = engine.store.missing(RUNS, wanted)
    return [task for name, task in wanted.items() if name in names]


def _train(
    engine: Engine,
    missing: Sequence[TrainingTask],
    wanted: Mapping[str, TrainingTask],
    deadline: float = math.inf,
    keep: Collection[Path] = (),
) -> None:
    """Train what is missing, in this order, and cut the store back to its size, but for the runs wanted and `keep`."""
    begun = missing if time.monotonic() < deadline else ()
    diverged = []
    for future in wait_for({engine.executor.submit(run_training, task): task for task in begun}, deadline):
        try:
            future.result()
        except DivergedError as error:
            diverged.append(str(error))
    used = {engine.store.place(RUNS, spec.run(task.seed)) for task in wanted.values() for spec in task.spec.rounds}
    engine.store.prune(engine.compute.store_gigabytes * 1e9, {*used, *keep})
    if diverged:
        raise DivergedError("\n".join(diverged))
