"""Records how a job ended, and notifies people."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regbench.config.loading import load_sections
from regbench.config.retraining import Retrain, RetrainSection
from regbench.errors import IntegrityError, RegbenchError, RejectedDataError, StorageError
from regbench.retraining.decision_log import Log
from regbench.retraining.decision_record import Record
from regbench.retraining.metrics_file import write_metrics
from regbench.retraining.notify import notify
from regbench.runtime.command import TerminationError
from regbench.runtime.redaction import redact

HURRY = 1.0
"""Timeout of a notification, in seconds, in a job that was asked to stop."""


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    outcome: str
    """A key of `EXIT_CODES`, or `rolled back`, `rejected` or `failed`."""
    record: Record | None = None
    """The decision, if one was made."""
    reasons: tuple[str, ...] = ()
    """One line per reason."""

    def to_json(self) -> dict[str, Any]:
        """Return the content of the notification."""
        text = f"{self.outcome}: {' '.join(self.reasons)}" if self.reasons else self.outcome
        return {"outcome": self.outcome, "text": text, "record": self.record and self.record.to_json()}


def failed(error: BaseException) -> Ended:
    """Return the end of a job that was stopped by an error."""
    if isinstance(error, OSError):
        error = StorageError.of(error)
    if isinstance(error, RegbenchError):
        outcome = "rejected" if isinstance(error, RejectedDataError) else "failed"
        return Ended(outcome, None, tuple(redact(str(error)).splitlines()))
    if isinstance(error, KeyboardInterrupt):
        return Ended("failed", None, ("terminated" if isinstance(error, TerminationError) else "interrupted",))
    # An unexpected error: its text could hold a secret.
    return Ended("failed", None, (type(error).__name__,))


def settings_of(params_file: Path, hurry: bool = False) -> Retrain:
    """Return the settings for the notification of a failure; defaults where the file cannot be read.

    In a `hurry` each attempt gets a second: a job that is stopped by a signal is usually killed soon after.
    """
    try:
        retrain = load_sections(params_file, RetrainSection).retrain
    except RegbenchError:
        retrain = Retrain()
    timeout = min(retrain.notify.timeout, HURRY) if hurry else retrain.notify.timeout
    return retrain.model_copy(update={"notify": retrain.notify.model_copy(update={"timeout": timeout})})


def tell(settings: Retrain, log: Log, ended: Ended, begin: float) -> None:
    """Notify programs and people of how a job ended; `begin` is its start on the monotonic clock."""
    now = datetime.now(UTC)
    try:
        records = log.read()
    except IntegrityError:  # the damaged log is why the job failed
        records = []
    seconds = time.monotonic() - begin
    write_metrics(log.path.with_name("metrics.prom"), ended.outcome, now.timestamp(), seconds, records)
    about = {"model": settings.model, "time": now.isoformat(timespec="seconds")}
    notify(settings.notify, {**ended.to_json(), **about})
