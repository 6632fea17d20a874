"""Allows one job at a time, by a lock of the kernel (flock), which ends with its process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from regbench.errors import BusyError
from regbench.files import read_json, write_json


@contextmanager
def only_job(folder: Path, wait: float = 0) -> Iterator[None]:
    """Hold the lock of the jobs of a project; `folder` is where it keeps its state, `wait` is in seconds.

    Raises:
        BusyError: another job holds it still after `wait` seconds; names its process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "retrain.json"
    try:
        with FileLock(folder / "retrain.lock", timeout=wait, poll_interval=0.2):
            write_json(holder, {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")})
            yield
    except Timeout:
        raise BusyError(f"another job is under way: {_describe(holder)}: wait for it, or give --wait SECONDS") from None


def _describe(holder: Path) -> str:
    try:
        found = read_json(holder)
        return f"process {found['pid']} since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has the lock, and has not said so yet
        return "it has just begun"
