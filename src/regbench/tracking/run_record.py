"""The content of one MLflow run; imports no mlflow."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from regbench.files import sha256
from regbench.tracking.metric_names import WALL_TOTAL

Status = Literal["FINISHED", "KILLED", "FAILED"]
"""As MLflow calls how a run ended; KILLED are the trials that were pruned."""


@dataclass(frozen=True)
class Network:
    """The model of a run."""

    folder: Path
    """Where it is saved, with the weights of `best_epoch`."""
    best_epoch: int
    example: NDArray[np.uint8]
    """Two images (2, C, H, W) that show what the model takes."""


@dataclass(frozen=True)
class RunRecord:
    """All that one MLflow run holds."""

    experiment: str
    name: str
    tags: dict[str, str]
    stage: str
    """Name of the DVC stage that made the numbers, such as `train`; empty where none did: `tags` tell the origin."""
    note: str
    """Description in Markdown."""
    params: dict[str, str]
    curves: dict[str, list[float]]
    """A number an epoch, or a trial; NaN where there is none."""
    summary: dict[str, float]
    files: dict[str, Path] = field(default_factory=dict)
    """Path in the run's artifacts -> file."""
    network: Network | None = None
    status: Status = "FINISHED"
    parent: str = ""
    """Key of the record whose run this one is nested in; the parent's record comes first."""
    compared: bool = False
    """Whether it belongs to the comparison, whose name and report it then carries."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """A duration an epoch, or use of the machine; it changes from run to run, so it is no part of the key.

    What follows is none either.
    """
    totals: dict[str, float] = field(default_factory=dict)
    """Durations of all of it."""
    machine: dict[str, str] = field(default_factory=dict)
    """Tags that name processor and software."""
    verdicts: dict[str, str] = field(default_factory=dict)
    """Tags that say how it compares with the baseline; other variants may change them."""
    standing: str = ""
    """How it compares with the baseline, in a sentence before the note; other variants may change it."""
    colour: str = ""
    """As #RRGGBB; empty: MLflow's choice."""
    report: tuple[Path, ...] = ()
    """Page and picture that compare this run with others."""

    @cached_property
    def key(self) -> str:
        """Hash of the results in this record: equal results, equal key, whenever and however long they were made."""
        content = {
            "run": [self.experiment, self.name, self.tags, self.note, self.params, self.status, self.parent],
            "numbers": [self.curves, self.summary],
            "files": {place: sha256(path) for place, path in self.files.items()},
            "model": self.network and [self.network.best_epoch, *map(sha256, model_files(self.network))],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def described(self, standing: str) -> str:
        """Return what MLflow shows as the run's description."""
        return f"{standing}\n\n{self.note}" if standing else self.note

    @property
    def duration(self) -> float:
        """Wall seconds that the work took."""
        return self.totals.get(WALL_TOTAL, 0.0)


def model_files(network: Network) -> list[Path]:
    """Return the files that a saved network consists of."""
    return [network.folder / name for name in ("model.json", "model.safetensors")]
