"""Where the job finds and leaves things."""

from dataclasses import dataclass
from pathlib import Path

from regbench.layout import Results


@dataclass(frozen=True)
class Place:
    """The project that the job works on; paths are relative to the folder that it runs in, which is the project's."""

    params: Path
    """`params.yaml`."""
    results: Results
    """Folders of the pipeline's outputs."""
    decisions: Path
    """Folder of the decision log and its page."""

    @property
    def state(self) -> Path:
        """Folder of locks and receipts, of this machine only."""
        return Path(".regbench")
