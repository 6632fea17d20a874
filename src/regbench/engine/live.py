"""Write the progress of a running training to a file, one line per epoch; no result depends on it."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.files import open_to_append

if TYPE_CHECKING:
    from regbench.training.history import EpochRecord


Line = dict[str, Any]


def append_line(path: Path, line: Line) -> None:
    """Append a line to the file of a training; one that cannot be written never stops a training."""
    with suppress(OSError):
        if "variant" in line:
            path.unlink(missing_ok=True)
        with open_to_append(path) as file:
            file.write(json.dumps(line).encode() + b"\n")


WRITER: ContextVar[Callable[[Path, Line], None]] = ContextVar("takes lines of running trainings", default=append_line)
"""The function that handles a line: a worker without the head's files sends the line to the head."""


def live_file(folder: Path, label: str, seed: int) -> Path:
    """Return the file of one training."""
    return folder / f"{label}-{seed}.jsonl"


@contextmanager
def report_live(path: Path | None, variant: str, seed: int, epochs: int) -> "Iterator[Callable[[EpochRecord], None]]":
    """Yield a function that appends an epoch to the file `path`; without a path it does nothing.

    The first line says what is trained, for how many epochs and by which process of which host, the last one how it
    ended; where that is missing and the process is gone, it was killed.
    """

    def append(line: Line) -> None:
        if path is not None:
            WRITER.get()(path, {"time": round(1000 * time.time()), **line})

    place = {"process": os.getpid(), "host": socket.gethostname()}
    append({"variant": variant, "seed": seed, "epochs": epochs, **place})
    try:
        yield lambda record: append(asdict(record))
    except BaseException:
        append({"ended": "FAILED"})
        raise
    append({"ended": "FINISHED"})


def count_epochs(path: Path) -> int:
    """Return how many epochs a training has finished, by its file; 0 where there is none."""
    with suppress(OSError):
        return path.read_bytes().count(b'"epoch":')
    return 0
