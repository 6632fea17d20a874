"""Writes the results of a study: tables and a summary that repeat to the byte, timings, and plots."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from regbench.files import write_csv, write_json
from regbench.runtime.machine import processor, software
from regbench.search.plan import Plan
from regbench.search.space import directions
from regbench.search.winner import Repeat

IMPORTANCE_TRIALS = 4
"""Fewest complete trials from which importances are estimated."""
TIMINGS = ["trial", "wall_seconds", "cpu_seconds"]


def write_trials(path: Path, plan: Plan, trials: Sequence[FrozenTrial]) -> None:
    """Write a row per trial: number, state, objectives, epochs, reason of a failure, and the searched values."""
    rows = [_row(plan, trial) for trial in trials]
    write_csv(path, pd.DataFrame(rows, columns=[*_columns(plan), *plan.space]))


def write_curves(path: Path, trials: Sequence[FrozenTrial]) -> None:
    """Write what trials reported: columns trial, step (epoch, or place of the seed), value."""
    rows = [(trial.number, step, value) for trial in trials for step, value in trial.intermediate_values.items()]
    write_csv(path, pd.DataFrame(rows, columns=["trial", "step", "value"]))


def write_repeats(path: Path, repeats: Sequence[Repeat]) -> None:
    """Write a row per finalist and fresh seed."""
    write_csv(path, pd.DataFrame(repeats, columns=list(Repeat.__dataclass_fields__)))


def write_timings(path: Path, trials: Sequence[FrozenTrial]) -> None:
    """Write the seconds of each trial, also of those that an earlier run of the stage made, and this machine."""
    rows = [(trial.number, *(trial.user_attrs[name] for name in TIMINGS[1:])) for trial in trials]
    write_csv(path, pd.DataFrame(rows, columns=TIMINGS).assign(processor=processor(), software=software()))


def write_summary(path: Path, plan: Plan, trials: Sequence[FrozenTrial], winner: int) -> None:
    """Write what the study was, what it came to, and the best-so-far curve."""
    settings = plan.search.model_dump(mode="json")
    study = frozen_study(plan, trials)
    content: dict[str, Any] = {
        "study": plan.name,
        "digest": plan.digest,
        "searched": {key: searched.model_dump(mode="json") for key, searched in plan.space.items()},
        "search": settings,
        "budget": plan.budget,
        "states": {
            state: sum(trial.state.name == state for trial in trials) for state in ("COMPLETE", "PRUNED", "FAIL")
        },
        "epochs": sum(trial.user_attrs.get("epochs", 0) for trial in trials),
        "winner": winner,
        "best_so_far": best_so_far(plan, trials),
        "importances": importances(study),
    }
    if plan.search.second != "none":
        content["front"] = sorted(trial.number for trial in study.best_trials)
    write_json(path, content)


def best_so_far(plan: Plan, trials: Sequence[FrozenTrial]) -> list[float | None]:
    """Return the best first objective after each trial; None before the first complete one."""
    better = min if directions(plan.search)[0] == "minimize" else max
    best: list[float | None] = []
    for trial in trials:
        values = [value for value in best[-1:] if value is not None]
        values += [trial.values[0]] if trial.state == TrialState.COMPLETE else []
        best.append(better(values) if values else None)
    return best


def importances(study: optuna.Study) -> dict[str, float]:
    """Return each range's share of the first objective's variance (PED-ANOVA); empty for one range or few trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    several = any(len(trial.params) > 1 for trial in complete)
    if not several or len(complete) < IMPORTANCE_TRIALS or len({trial.values[0] for trial in complete}) < 2:
        return {}
    # Imports scikit-learn, which takes 1.7 seconds.
    from optuna.importance import get_param_importances

    # The evaluator takes low values for good.
    sign = 1 if study.directions[0] == optuna.study.StudyDirection.MINIMIZE else -1
    with warnings.catch_warnings():
        # It warns whenever a target is given, of what the sign above sees to.
        warnings.simplefilter("ignore", UserWarning)
        found = get_param_importances(study, target=lambda trial: sign * trial.values[0])
    return {key: float(share) for key, share in found.items() if np.isfinite(share)}


def frozen_study(plan: Plan, trials: Sequence[FrozenTrial]) -> optuna.Study:
    """Return a study in memory that holds the given trials."""
    study = optuna.create_study(study_name=plan.name, directions=directions(plan.search))
    study.add_trials(trials)
    return study


def _columns(plan: Plan) -> list[str]:
    objectives = [plan.search.objective, *([plan.search.second] if plan.search.second != "none" else [])]
    return ["trial", "state", *objectives, "epochs", "same_as", "reason"]


def _row(plan: Plan, trial: FrozenTrial) -> dict[str, Any]:
    values = trial.values or [None] * len(directions(plan.search))
    head = [trial.number, trial.state.name, *values]
    notes = [trial.user_attrs.get("epochs", 0), trial.user_attrs.get("same_as"), trial.user_attrs.get("reason")]
    return dict(zip(_columns(plan), [*head, *notes], strict=True)) | trial.params
