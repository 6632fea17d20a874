"""The engine: trains what the store lacks, on all cores, and nothing else."""

import math
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from regbench.config.compute import Compute
from regbench.engine.executor import Executor
from regbench.engine.live import count_epochs, live_file
from regbench.engine.local import local_executor
from regbench.engine.spec import TrainingSpec
from regbench.engine.store import Store
from regbench.engine.tasks import RUNS, TrainingTask, run_training, settle_hardware, without_rounds_of_others
from regbench.errors import DivergedError, WorkerDiedError
from regbench.layout import STORE
from regbench.runtime.hardware import Hardware

T = TypeVar("T")
SECONDS = 1.0
"""Between two looks at running trainings, where a terminal shows them."""


@dataclass(frozen=True)
class Engine:
    """What trainings, searches and evaluations run on."""

    executor: Executor
    store: Store
    compute: Compute
    hardware: Hardware


@dataclass(frozen=True)
class Training:
    """One variant that is to be trained."""

    label: str
    """Name of the variant."""
    spec: TrainingSpec
    augmentation: Path
    """Folder of what was done to its images."""


@contextmanager
def open_engine(compute: Compute, store: Path = STORE, most: int = sys.maxsize) -> Iterator[Engine]:
    """Yield an engine of local worker processes, `most` at most.

    Raises:
        InputError: a GPU is asked for and there is none.
        WorkerDiedError: a worker was killed, or there was no memory for it.
    """
    memory = store / "hardware.json"
    try:
        with local_executor(max(1, min(compute.processes, most))) as executor:
            hardware, sentence = executor.submit(settle_hardware, compute, memory).result()
            if sentence:
                print(sentence, flush=True)
            if hardware.device == "cpu":
                yield Engine(executor, Store(store), compute, hardware)
                return
        with local_executor(1) as executor:  # One process has the GPU to itself.
            yield Engine(executor, Store(store), compute, hardware)
    except BrokenProcessPool:
        raise WorkerDiedError(
            f"a worker process was killed; perhaps memory ran out: lower compute.workers = {compute.processes}, then "
            "start again: what was finished is kept"
        ) from None


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
    wanted = _tasks(engine, runs, data, live)
    lacking = [task for name, task in wanted.items() if engine.store.find(RUNS, name) is None]
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
    """Train runs, (variant, seed), in this order, as far as they begin before `deadline`, of `time.monotonic`.

    Returns the label and seed of those that are in the store at the end.

    Raises:
        DivergedError: as `train`.
    """
    wanted = _tasks(engine, runs, data, live)
    missing = [task for name, task in wanted.items() if engine.store.find(RUNS, name) is None]
    _train(engine, missing, wanted, deadline)
    there = {name for name in wanted if engine.store.find(RUNS, name)}
    return {(training.label, seed) for training, seed in runs if training.spec.run(seed) in there}


def run_all(engine: Engine, function: Callable[..., T], arguments: Mapping[Any, Any], what: str) -> dict[Any, T]:
    """Return `function(argument)` for each named argument, computed on all cores; `what` titles the progress bar."""
    futures = {engine.executor.submit(function, argument): name for name, argument in arguments.items()}
    with tqdm(total=len(futures), desc=what, disable=None) as bar:
        for future in futures:
            future.add_done_callback(lambda _: bar.update())
        return {name: future.result() for future, name in futures.items()}


def _tasks(engine: Engine, runs: Sequence[tuple[Training, int]], data: Path, live: Path) -> dict[str, TrainingTask]:
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


def _train(
    engine: Engine,
    missing: Sequence[TrainingTask],
    wanted: Mapping[str, TrainingTask],
    deadline: float = math.inf,
    keep: Collection[Path] = (),
) -> None:
    """Train what is missing, in this order, and cut the store back to its size, but for the runs wanted and `keep`."""
    begun = missing if time.monotonic() < deadline else ()
    futures = {engine.executor.submit(run_training, task): task for task in begun}
    diverged = [str(error) for error in _follow(futures, deadline) if error is not None]
    used = {engine.store.place(RUNS, spec.run(task.seed)) for task in wanted.values() for spec in task.spec.rounds}
    engine.store.prune(engine.compute.store_gigabytes * 1e9, {*used, *keep})
    if diverged:
        raise DivergedError("\n".join(diverged))


def _follow(futures: Mapping[Future[Path], TrainingTask], deadline: float) -> Iterator[DivergedError | None]:
    """Wait for trainings, showing epochs on a terminal; yield how each ended; after `deadline` none begins."""
    total = sum(task.spec.epochs for task in futures.values())
    pending = set(futures)
    ended = 0
    with tqdm(total=total, desc="train", unit="epoch", disable=None) as bar:
        while pending:
            left = deadline - time.monotonic()
            if left <= 0:
                pending -= {future for future in pending if future.cancel()}
            limit = min([*([] if bar.disable else [SECONDS]), *([left] if 0 < left < math.inf else [])], default=None)
            done, pending = wait(pending, limit, FIRST_COMPLETED)
            for future in done:
                ended += futures[future].spec.epochs
                error = future.exception()
                if error is not None and not isinstance(error, DivergedError):
                    raise error
                yield error
            if not bar.disable:
                running = sum(_epochs(futures[future]) for future in pending if future.running())
                bar.n = max(bar.n, ended + running)
                bar.set_postfix_str(f"{len(futures) - len(pending)} of {len(futures)} runs")


def _epochs(task: TrainingTask) -> int:
    return count_epochs(live_file(task.live, task.shown, task.seed)) if task.live else 0
