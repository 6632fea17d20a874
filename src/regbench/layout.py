"""Define the paths of a project's files, relative to its folder; the only place with these defaults."""

from dataclasses import dataclass, fields
from pathlib import Path

from regbench.errors import InputError

PARAMS = Path("params.yaml")
DECISIONS = Path("retraining")
"""Folder of the decision log and its page."""
STATE = Path(".regbench")
"""Folder of locks, receipts and logs, of this machine only."""
LIVE = STATE / "live"
"""Folder of the files that running trainings write."""
STORE = STATE / "store"
"""Store of finished trainings and what is made of them, by content; see `regbench.engine.store`."""
TRIALS = STATE / "studies.journal"
"""Optuna's journal of all searches."""


@dataclass(frozen=True)
class Results:
    """Folders that the pipeline writes and tracking reads; the defaults are those of `dvc.yaml`."""

    data: Path = Path("data")
    """Ingested splits and their report."""
    tuned: Path = Path("tuned")
    """Variants as the stage `tune` resolved them."""
    studies: Path = Path("studies")
    """Search results from the stage `tune`."""
    runs: Path = Path("runs")
    """All variants' runs."""
    timings: Path = Path("timings")
    """Seconds that each epoch took."""
    evaluation: Path = Path("evaluation")
    """Predictions and scores."""
    reports: Path = Path("reports")
    """The comparison."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders, in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))


def missing(error: FileNotFoundError) -> InputError:
    """Return the error that says what to do about a file that is not there."""
    return InputError(f"{error.filename}: no such file: run `make repro` first")
