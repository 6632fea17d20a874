"""Paths that the job reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from regbench.layout import DECISIONS, PARAMS, STATE, Results


@dataclass(frozen=True)
class JobPaths:
    """Paths of the project, relative to the project folder, which the job runs in."""

    params: Path = PARAMS
    """`params.yaml`."""
    results: Results = Results()  # noqa: RUF009
    """Folders of the pipeline's outputs."""
    decisions: Path = DECISIONS
    """Folder of the decision log and its page."""

    @property
    def state(self) -> Path:
        """Folder of locks and receipts, which belong to this machine only."""
        return STATE
