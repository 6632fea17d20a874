"""The journal of all studies, in Optuna's own format, so that optuna-dashboard shows it.

Optuna does not check what it reads. Everything read here is checked, so that a damaged journal is one error, and no
study continues with values that it never had.
"""

import math
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState, create_trial

from regbench.errors import IntegrityError, reason_of
from regbench.files import open_to_append
from regbench.search.plan import Plan
from regbench.search.space import directions, distribution

DAMAGED = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What Optuna raises for a damaged journal."""
NOTES = {"wall_seconds": float, "cpu_seconds": float, "epochs": int | None, "same_as": int | None, "reason": str | None}
"""Type of what `attempt` and the objective note of a trial."""


class JournalLock(JournalFileSymlinkLock):
    """Optuna's lock, which optuna-dashboard takes too; the line that a killed writer left unfinished is cut off."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path

    def acquire(self) -> bool:
        """Wait for the lock; Optuna appends while it is held."""
        super().acquire()
        try:
            with open_to_append(self.path):
                return True
        except BaseException:
            self.release()
            raise


class Journal:
    """The stored trials and scores of one study."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Open the journal, or begin it.

        Raises:
            IntegrityError: it is damaged.
        """
        self.path, self.plan = path, plan
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            storage = JournalStorage(JournalFileBackend(str(path), JournalLock(path)))
            # A variant that was renamed continues the study that it had.
            same = [name for name in optuna.get_all_study_names(storage) if name.endswith(f"-{plan.digest}")]
            self.study = optuna.create_study(
                storage=storage,
                study_name=same[0] if same else plan.name,
                directions=directions(plan.search),
                load_if_exists=True,
            )
            if [direction.name.lower() for direction in self.study.directions] != directions(plan.search):
                raise ValueError(f"study {self.study.study_name} has other directions")
        except DAMAGED as error:
            raise self._damage(reason_of(error)) from None

    @property
    def trials(self) -> list[FrozenTrial]:
        """Ended trials in the order of their index.

        Raises:
            IntegrityError: one of them is none that this study stored.
        """
        try:
            trials = self.study.trials
            for trial in trials:
                _check(trial, self.plan)
        except DAMAGED as error:
            raise self._damage(reason_of(error)) from None
        return trials

    def append(self, trial: FrozenTrial) -> None:
        """Store an ended trial."""
        self.study.add_trial(trial)

    def scores(self, key: str) -> tuple[float, float] | None:
        """Return the two scores stored under a key, or None where there are none; IntegrityError as for `trials`."""
        try:
            stored = self.study.user_attrs.get(key)
            if stored is None:
                return None
            first, second = map(float, stored)
        except DAMAGED as error:
            raise self._damage(reason_of(error)) from None
        return first, second

    def store_scores(self, key: str, scores: tuple[float, float]) -> None:
        """Store two scores beside the trials, as text: JSON has no infinity."""
        self.study.set_user_attr(key, [repr(score) for score in scores])

    def _damage(self, reason: str) -> IntegrityError:
        return IntegrityError(f"{self.path}: cannot be read: {reason}: move it away, then its studies start again")


def _check(trial: FrozenTrial, plan: Plan) -> None:
    """Raise one of DAMAGED unless a trial is one that this study may have stored."""
    name = f"trial {trial.number}"
    if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL):
        raise ValueError(f"{name} has not ended")
    if trial.distributions != {key: distribution(key, searched) for key, searched in plan.space.items()}:
        raise ValueError(f"{name} has other ranges")
    # Optuna checks what it creates: values within their ranges, and no objective without a number.
    create_trial(state=trial.state, values=trial.values, params=trial.params, distributions=trial.distributions)
    objectives = trial.values or []
    if trial.state == TrialState.COMPLETE and len(objectives) != len(directions(plan.search)):
        raise ValueError(f"{name} has {len(objectives)} objectives")
    rungs = [value for key, value in trial.system_attrs.items() if key.startswith("completed_rung")]
    numbers = [*objectives, *trial.intermediate_values.values(), *rungs]
    if not all(isinstance(number, float) for number in numbers) or not all(map(math.isfinite, objectives)):
        raise ValueError(f"{name} has objectives that are no numbers")
    for note, kind in NOTES.items():
        if not isinstance(trial.user_attrs.get(note), kind):
            raise ValueError(f"{name} has {note} {trial.user_attrs.get(note)!r}")
