"""Where tracking finds what the stages before it left."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.errors import InputError

if TYPE_CHECKING:  # Importing pandas takes longer than it takes to turn a second job away.
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """Folders and files that the stages before leave."""

    data: Path
    tuned: Path
    studies: Path
    runs: Path
    timings: Path
    evaluation: Path
    reports: Path


def missing(error: FileNotFoundError) -> InputError:
    """Return the error that says what to do about a file that is not there."""
    return InputError(f"{error.filename}: no such file: run `make repro` first")


def machine_tags(timings: "pd.DataFrame") -> dict[str, str]:
    """Return what a table of timings says of processor and software: the last machine, where there were several."""
    return {name: str(timings[name].iloc[-1]) for name in ("processor", "software") if name in timings}
