"""Chooses the winner: trains the best trials again under held-out seeds, and takes the best mean.

The best of many trials is partly best by chance, so the best ones are trained again under held-out seeds. The rest is
handled by the one-standard-error rule (Breiman, Friedman, Olshen and Stone: Classification and Regression Trees, 1984,
3.4.3): the start, which was chosen with care, is replaced only by values that are better by more than a standard error.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from regbench.config.ranges import Value
from regbench.engine.executor import Executor
from regbench.errors import DivergedError
from regbench.search.journal import Journal
from regbench.search.objective import Score, Trains
from regbench.search.plan import Plan
from regbench.search.space import directions, given


@dataclass(frozen=True)
class Repeat:
    """One training of a finalist under a fresh seed."""

    trial: int
    seed: int
    validation_loss: float
    """Nats; infinite if the training diverged."""
    validation_accuracy: float
    """Fraction."""


def finalists(plan: Plan, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the best `top_k` settings, best first; the start is always one of them where there are two or more.

    Raises:
        DivergedError: no trial is complete.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not complete:
        reasons = [trial.user_attrs["reason"] for trial in trials if "reason" in trial.user_attrs]
        last = f", the last one because {reasons[-1]}" if reasons else ""
        raise DivergedError(f"none of {len(trials)} trials was complete{last}: lower the upper ends of the ranges")
    sign = 1 if directions(plan.search)[0] == "minimize" else -1
    ranked = sorted(complete, key=lambda trial: (sign * trial.values[0], trial.number))
    different = [trial for place, trial in enumerate(ranked) if all(trial.params != t.params for t in ranked[:place])]
    best = different[: plan.search.top_k]
    start = next((trial for trial in complete if trial.number == _start(plan)), None)
    if start is None or len(best) < 2 or any(trial.params == start.params for trial in best):
        return best
    return [*best[:-1], start]


async def repeat(
    plan: Plan, chosen: Sequence[FrozenTrial], journal: Journal, executor: Executor, trainer: Trains
) -> list[Repeat]:
    """Train each finalist under each fresh seed; what the journal holds already is not trained again."""
    wanted = [(trial.number, seed) for trial in chosen for seed in plan.search.fresh_seeds]
    params = {trial.number: trial.params for trial in chosen}
    known = {pair: scores for pair in wanted if (scores := journal.scores(_key(*pair))) is not None}
    waiting = {
        (trial, seed): asyncio.wrap_future(executor.submit(repeat_one, trainer, params[trial], seed))
        for trial, seed in wanted
        if (trial, seed) not in known
    }
    for pair, future in waiting.items():
        known[pair] = await future
        journal.store_scores(_key(*pair), known[pair])
    return [Repeat(*pair, *known[pair]) for pair in wanted]


def repeat_one(trainer: Trains, values: dict[str, Value], seed: int) -> tuple[float, float]:
    """Train one setting under one seed; return validation loss, infinite if it diverged, and accuracy."""
    try:
        score: Score = trainer.score(values, seed)
    except DivergedError:
        return float("inf"), 0.0
    return score.validation_loss, score.validation_accuracy


def winner(plan: Plan, repeats: Sequence[Repeat]) -> int:
    """Return the number of the trial with the best mean of the objective; of equals the one that comes first.

    The start stays the winner unless the best one beats it, seed by seed, by more than one standard error of the mean
    difference. Under a single fresh seed there is no such error, and the better one wins.

    Raises:
        DivergedError: every finalist diverged under a fresh seed.
    """
    sign = 1 if directions(plan.search)[0] == "minimize" else -1
    costs: dict[int, NDArray[np.float64]] = {}
    for trial in dict.fromkeys(repeat.trial for repeat in repeats):
        own = [repeat for repeat in repeats if repeat.trial == trial]
        if np.isfinite([repeat.validation_loss for repeat in own]).all():
            costs[trial] = sign * np.array([getattr(repeat, plan.search.objective) for repeat in own])
    if not costs:
        raise DivergedError("every finalist diverged under a fresh seed: lower the upper ends of the ranges")
    best, start = min(costs, key=lambda trial: costs[trial].mean()), _start(plan)
    if start is None or start not in costs:
        return best
    gains = costs[start] - costs[best]
    # scipy.stats.sem is the same, and takes half a second to import.
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else 0
    return best if gains.mean() > error else start


def _start(plan: Plan) -> int | None:
    """Return the number of the trial that takes the ranges' `start`; None if none does."""
    return 0 if plan.search.sampler != "grid" and given(plan.space, plan.search, 0) else None


def _key(trial: int, seed: int) -> str:
    return f"trial {trial}, fresh seed {seed}: loss, accuracy"
