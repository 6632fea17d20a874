"""Remembers what was logged, so that a pipeline without new results imports neither mlflow nor pandas (4 s)."""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from regbench.tracking.store import Store


@dataclass(frozen=True)
class Receipt:
    """What one store holds of this project's results."""

    fingerprint: str = ""
    """Names, sizes and times of all files that were logged from; differs also where only a time differs."""
    content: str = ""
    """Hash of what was logged, once all of it was."""
    comparison: str = ""
    """Value of the tag `comparison` of the runs that belong together."""
    experiment: str = ""
    """MLflow's id of the experiment that people compare in."""
    runs: dict[str, str] = field(default_factory=dict)
    """Key of the content of a run -> MLflow's id, of the runs logged so far."""
    begun: dict[str, str] = field(default_factory=dict)
    """Key -> name of the runs that a killed or failed sync was to log; one of them may be half logged."""
    variants: dict[str, str] = field(default_factory=dict)
    """Variant -> MLflow's run id, in the order of `params.yaml`; without runs that were deleted in MLflow."""

    @classmethod
    def read(cls, store: Store) -> Self:
        """Return what is remembered of a store; nothing where its database is gone or the file is not readable."""
        if store.database is not None and not store.database.exists():
            return cls()
        try:
            found = cls(**json.loads(store.receipt.read_text(encoding="utf-8")))
        except (OSError, RecursionError, TypeError, ValueError):
            return cls()
        kinds = {name: type(value) for name, value in asdict(cls()).items()}
        return found if all(isinstance(value, kinds[name]) for name, value in asdict(found).items()) else cls()

    def write(self, store: Store) -> None:
        """Remember this for a store."""
        from regbench.files import write_json  # imports pandas

        write_json(store.receipt, asdict(self))


def fingerprint(paths: Iterable[Path]) -> str:
    """Hash the names, sizes and modification times of files, and of all files below folders, without reading them."""
    found = hashlib.sha256()
    for path in paths:
        files = (
            [path] if path.is_file() else sorted(Path(top) / name for top, _, names in os.walk(path) for name in names)
        )
        for file in files:
            status = file.stat()
            found.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return found.hexdigest()
