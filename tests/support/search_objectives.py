"""Objectives without a training, plans for them, and what can be compared of trials."""

import asyncio
import math
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from regbench.config.ranges import Choices, Range
from regbench.config.search import Search
from regbench.engine.executor import Executor
from regbench.engine.local import InlineExecutor, local_executor
from regbench.errors import DivergedError
from regbench.search.journal import Journal
from regbench.search.plan import Plan
from regbench.search.study import Objective, run_study

EPOCHS = 6
SPACE: Mapping[str, Range | Choices] = {
    "l2": Range(low=1e-6, high=1e-2, log=True, start=1e-4),
    "dropout": Range(low=0.0, high=0.5),
}


def plan(space: Mapping[str, Range | Choices] = SPACE, name: str = "v", **search: Any) -> Plan:
    """Return a plan; `startup` is small, so that samplers and pruners soon learn."""
    return Plan(name, f"digest-of-{name}", space, Search.model_validate({"startup": 3, **search}), EPOCHS)


def bowl(trial: optuna.Trial) -> list[float]:
    """Return a distance from the best strengths, approached epoch by epoch; report and obey the pruner."""
    far = (math.log10(trial.params["l2"]) + 4.5) ** 2 + 10 * (trial.params["dropout"] - 0.2) ** 2
    for epoch in range(EPOCHS):
        trial.set_user_attr("epochs", epoch + 1)
        trial.report(far + 1 / (epoch + 1), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return [far + 1 / EPOCHS]


def slow_bowl(trial: optuna.Trial) -> list[float]:
    """`bowl`, slow enough to be killed in the middle."""
    time.sleep(0.15)
    return bowl(trial)


def fragile(trial: optuna.Trial) -> list[float]:
    """`bowl` that diverges at high dropout and is NaN at the lowest."""
    if trial.params["dropout"] > 0.3:
        raise DivergedError("the loss is nan after epoch 0")
    return [math.nan] if trial.params["dropout"] < 0.1 else bowl(trial)


def deadly(died: Path, trial: optuna.Trial) -> list[float]:
    """`bowl`, but for the worker that is the first to try trial 5, which dies as if memory had run out."""
    if trial.number == 5 and not died.exists():
        died.touch()
        signal.raise_signal(signal.SIGKILL)
    return bowl(trial)


def executor(kind: str = "inline", workers: int = 1) -> AbstractContextManager[Executor]:
    """Return an executor: `inline`, or a pool of processes that are made by `forkserver` or `spawn`."""
    return nullcontext(InlineExecutor()) if kind == "inline" else local_executor(workers, kind)  # type: ignore[arg-type]


def search(plan: Plan, path: Path, objective: Objective = bowl, workers: int = 1) -> list[FrozenTrial]:
    """Run a study in a storage; in this process, or with a number of worker processes above 1."""
    with executor("inline" if workers == 1 else "forkserver", workers) as pool:
        return asyncio.run(run_study(plan, Journal(path, plan), pool, objective))


def facts(trials: Sequence[FrozenTrial]) -> list[tuple[Any, ...]]:
    """Return all of trials but their times."""
    return [(t.number, t.state, t.params, t.values, t.intermediate_values, t.user_attrs.get("reason")) for t in trials]


def tried(trials: Sequence[FrozenTrial]) -> list[tuple[Any, ...]]:
    """Return the settings of trials, sorted."""
    return sorted(tuple(trial.params.values()) for trial in trials)


if __name__ == "__main__":
    # Run by a test that kills this process: the storage, then the settings.
    search(plan(sampler=sys.argv[2], parallel=2, trials=20), Path(sys.argv[1]), slow_bowl, workers=2)
