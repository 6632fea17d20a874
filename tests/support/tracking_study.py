"""A search of the small project's `l2`: three trials that ended in three ways, in the files that `tune` writes."""

from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from regbench.config.ranges import Range
from regbench.config.search import Search
from regbench.search.plan import Plan
from regbench.search.plots import write_plots
from regbench.search.space import distribution
from regbench.search.study_files import write_curves, write_repeats, write_summary, write_timings, write_trials
from regbench.search.winner import Repeat

REASON = "seed 28: the loss is nan after epoch 0, it must stay finite: lower train.learning_rate = 0.5"
SPACE = {
    "l2": Range(low=1e-6, high=1e-2, log=True, start=1e-4),
    "train.learning_rate": Range(low=1e-4, high=1.0, log=True),
}
STATES = {"l2 0": "FINISHED", "l2 1": "KILLED", "l2 2": "FAILED", "l2 3": "FINISHED"}
"""Name of each trial's run -> its status in MLflow."""


def write_study(folder: Path, objective: str = "validation_loss", **search: Any) -> None:
    """Write the files of a study of `l2` into a project that `write_project` made."""
    settings = {"trials": 4, "objective": objective, **search}
    plan = Plan("l2", "0123456789ab", SPACE, Search.model_validate(settings), 3)
    trials = [
        _trial(0, TrialState.COMPLETE, (1e-4, 0.001), {0: 0.9, 1: 0.5}, 0.5),
        _trial(1, TrialState.PRUNED, (1e-2, 0.01), {0: 2.0}),
        _trial(2, TrialState.FAIL, (1e-3, 0.5), {}, reason=REASON),
        _trial(3, TrialState.COMPLETE, (1e-6, 0.002), {0: 0.8, 2: 0.25}, 0.25),
    ]
    repeats = [Repeat(trial, seed, 0.1 * trial + 0.01 * seed, 0.9) for trial in (3, 0) for seed in (29, 30)]
    study = folder / "studies/l2"
    write_trials(study / "trials.csv", plan, trials)
    write_curves(study / "curves.csv", trials)
    write_repeats(study / "repeats.csv", repeats)
    write_timings(study / "timings.csv", trials)
    write_summary(study / "summary.json", plan, trials, winner=0)
    write_plots(study / "plots", plan, trials)


def _trial(
    number: int,
    state: TrialState,
    values: tuple[float, float],
    reported: dict[int, float],
    value: float | None = None,
    **notes: Any,
) -> FrozenTrial:
    trial: FrozenTrial = create_trial(
        state=state,
        value=value,
        params=dict(zip(SPACE, values, strict=True)),
        distributions={key: distribution(key, searched) for key, searched in SPACE.items()},
        intermediate_values=reported,
        user_attrs={"epochs": len(reported), "wall_seconds": 2.0 + number, "cpu_seconds": 1.5, **notes},
    )
    trial.number = number
    return trial
