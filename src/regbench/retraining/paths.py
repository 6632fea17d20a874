"""Paths of the job's files."""

from dataclasses import dataclass
from pathlib import Path

from regbench.layout import DECISIONS, PARAMS, STATE, Results


@dataclass(frozen=True)
class JobPaths:
    """The project that the job works on; paths are relative to the folder that it runs in, which is the project's."""

    params: Path = PARAMS
    """`params.yaml`."""
    results: Results = Results()  # noqa: RUF009
    """Folders of the pipeline's outputs."""
    decisions: Path = DECISIONS
    """Folder of the decision log and its page."""

    @property
    def state(self) -> Path:
        """Folder of locks and receipts, of this machine only."""
        return STATE
