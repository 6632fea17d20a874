"""What an executor costs beyond the trainings themselves, and what a second worker gains."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.cluster.study import prepare_data, small_params, trainings_of
from benchmarks.race import ROOT
from regbench.config.compute import Compute
from regbench.engine.executor import Executor
from regbench.engine.run import open_engine, train

WARM = 4
"""Trainings a worker before the clock starts: a fresh process is slow at its first one."""


def time_call(function: Callable[..., Any], *arguments: Any) -> float:
    """Do a call, and return how many seconds it took in this process."""
    begin = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begin


@dataclass(frozen=True)
class Stopwatch:
    """Carries calls out by another executor, and asks how long they took there."""

    executor: Executor
    calls: "list[Future[float]]" = field(default_factory=list)

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Return a future of the seconds that the call takes."""
        self.calls.append(self.executor.submit(time_call, function, *arguments))
        return self.calls[-1]

    @property
    def seconds(self) -> float:
        """Of all calls together."""
        return sum(call.result() for call in self.calls)


def measure_overhead(
    folder: Path, executors: Sequence[str], runs: int, epochs: int, rounds: int, a_task: int
) -> list[dict[str, Any]]:
    """Train the same runs with one worker and with two on each executor, in turns; return medians over the rounds.

    `a_task` is `compute.slurm.trainings`; 0 gives each worker one task with its share of the runs.
    """
    data, turns = prepare_data(folder), []
    os.environ["PYTHONPATH"] = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    with _slurm() if "slurm" in executors else nullcontext():
        for _, executor, workers in product(range(rounds), executors, (1, 2)):
            compute = _compute(executor, workers, a_task or -(-runs // workers))
            turns.append({"executor": executor, "workers": workers, **_turn(folder, data, compute, runs, epochs)})
            print(turns[-1], flush=True)
    return [_summary([turn for turn in turns if turn["executor"] == executor]) for executor in executors]


def _compute(executor: str, workers: int, a_task: int) -> Compute:
    slurm = {"trainings": a_task, "at_once": workers}
    settings = {"executor": executor, "workers": workers, "slurm": slurm, "checkpoint_epochs": 0}
    return Compute.model_validate({"device": "cpu", **settings})


def _turn(folder: Path, data: Path, compute: Compute, runs: int, epochs: int) -> dict[str, float]:
    store = folder / compute.executor / "store"
    shutil.rmtree(store, ignore_errors=True)
    with open_engine(compute, store) as engine:
        wanted = trainings_of(small_params(1, epochs), engine, data)
        if compute.executor != "slurm":  # Whose tasks are processes of their own.
            train(engine, wanted, range(runs, runs + WARM * compute.workers), data, folder / "live")
        watch = Stopwatch(engine.executor)
        begin = time.perf_counter()
        train(replace(engine, executor=watch), wanted, range(runs), data, folder / "live")
        seconds = time.perf_counter() - begin
    return {
        "seconds": round(seconds, 3),
        "training": round(watch.seconds / runs, 4),
        "overhead": round((seconds * compute.workers - watch.seconds) / runs, 4),
    }


def _summary(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of an executor's turns."""
    found: dict[str, Any] = {"executor": turns[0]["executor"]}
    for workers, shown in ((1, "one worker"), (2, "two workers")):
        own = [turn for turn in turns if turn["workers"] == workers]
        found[f"ms a training, {shown}"] = round(1000 * statistics.median(turn["training"] for turn in own), 1)
        found[f"ms beyond it, {shown}"] = round(1000 * statistics.median(turn["overhead"] for turn in own), 1)
    ratios = [one["seconds"] / two["seconds"] for one, two in zip(turns[::2], turns[1::2], strict=True)]
    found["two workers against one"] = round(statistics.median(ratios), 2)
    return found


@contextmanager
def _slurm() -> Iterator[None]:
    """Use the Slurm that answers here, else start the one of the tests, of two processors."""
    if shutil.which("sinfo") and not subprocess.run(["sinfo"], capture_output=True, check=False).returncode:
        yield
        return
    sys.path.append(str(ROOT / "tests"))
    from support.hosts import wait_until
    from support.slurm import slurm

    with slurm() as started:
        yield
        for _ in wait_until("tasks are left"):  # They would wait for ever for a controller that is gone.
            if not started.squeue("%i"):
                break
