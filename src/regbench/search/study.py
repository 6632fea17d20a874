"""A study: trials are asked, trained and stored one by one, and continue after an interruption.

Optuna decides on a copy of the study in memory that holds exactly what a trial may know: the trials up to
`index - parallel` as they ended, and those after them as under way. So a trial is a function of its index and of the
trials before it: the outcome does not depend on timing, on how many processes there are, or on interruptions. The
journal stores trials when they have ended; one that is killed leaves nothing there, and is tried again.
"""

import asyncio
import logging
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial
from tqdm import tqdm

from regbench.engine.executor import Executor
from regbench.errors import DivergedError
from regbench.search.journal import Journal
from regbench.search.plan import Plan
from regbench.search.space import directions, distribution, given, pruner, sampler

Objective = Callable[[optuna.Trial], Sequence[float]]
"""Returns the values of a trial; raises optuna.TrialPruned, or DivergedError if they are not finite."""

optuna.logging.set_verbosity(logging.WARNING)
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)


async def run_study(plan: Plan, journal: Journal, executor: Executor, objective: Objective) -> list[FrozenTrial]:
    """Run the trials of the budget that the journal does not have; return all trials of the budget, in order.

    Several studies share an executor: while one waits for a trial, another one continues. `objective` is picklable.
    """
    ended = journal.trials[: plan.budget]
    under_way: deque[asyncio.Future[FrozenTrial]] = deque()
    started = [_as_running(trial) for trial in ended]
    with tqdm(total=plan.budget, initial=len(ended), desc=plan.name, unit="trial", leave=False, disable=None) as bar:
        while len(ended) < plan.budget:
            if len(started) < plan.budget and len(under_way) < plan.search.parallel:
                trial = _ask(plan, ended, started)
                started.append(_as_running(trial.study.trials[trial.number]))
                under_way.append(asyncio.wrap_future(executor.submit(attempt, objective, trial)))
                continue
            done = await under_way.popleft()
            journal.append(done)
            ended.append(done)
            bar.update()
    return ended


def attempt(objective: Objective, trial: optuna.Trial) -> FrozenTrial:
    """Try a trial and return it as it ended: complete, pruned, or failed with its `reason`."""
    wall, cpu = time.perf_counter(), time.process_time()
    state, values = TrialState.COMPLETE, None
    try:
        values = _known(trial) or list(objective(trial))
        if not np.isfinite(values).all():
            raise DivergedError(f"the objective is {values}, it must be finite")
    except optuna.TrialPruned:
        state = TrialState.PRUNED
    except DivergedError as error:
        state, values = TrialState.FAIL, None
        trial.set_user_attr("reason", str(error))
    trial.set_user_attr("wall_seconds", time.perf_counter() - wall)
    trial.set_user_attr("cpu_seconds", time.process_time() - cpu)
    trial.study.tell(trial, values, state)
    return trial.study.trials[trial.number]


def _ask(plan: Plan, ended: list[FrozenTrial], started: list[FrozenTrial]) -> optuna.Trial:
    index = len(started)
    # A continued study has trials that have ended by now, but had not when this trial would have been asked.
    known = max(0, index + 1 - plan.search.parallel)
    study = optuna.create_study(
        study_name=plan.name,
        sampler=sampler(plan.search, index),
        pruner=pruner(plan.search, plan.epochs),
        directions=directions(plan.search),
    )
    study.add_trials([*ended[:known], *started[known:]])
    values = given(plan.space, plan.search, index)
    if values:
        study.enqueue_trial(values)
    return study.ask({key: distribution(key, searched) for key, searched in plan.space.items()})


def _as_running(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial as it was when it began."""
    # The halving pruner notes what a trial reached; all other notes are made when it begins.
    attributes = {key: value for key, value in trial.system_attrs.items() if not key.startswith("completed_rung")}
    return create_trial(
        state=TrialState.RUNNING,
        params=trial.params,
        distributions=trial.distributions,
        system_attrs=attributes,
        user_attrs={},
    )


def _known(trial: optuna.Trial) -> list[float] | None:
    """Return the values of an equal setting that was tried before, since they would be the same again."""
    for earlier in trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if earlier.params == trial.params:
            trial.set_user_attr("same_as", earlier.number)
            return list(earlier.values)
    return None
