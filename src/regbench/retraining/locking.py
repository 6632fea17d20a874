"""Lets one job run at a time. The kernel holds the lock (flock), so it is released however a job dies."""

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
    """Hold the job lock of a project; `folder` holds the project's state, `wait` is in seconds.

    Raises:
        BusyError: another job still holds the lock after `wait` seconds; names its process.
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
    except (OSError, ValueError, KeyError, TypeError):  # it has the lock; its id is not written yet
        return "it has just begun"
