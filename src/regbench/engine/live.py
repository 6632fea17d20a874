"""What a running training shows of itself: a file that grows by a line an epoch, and that no result depends on."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.files import open_to_append

if TYPE_CHECKING:
    from regbench.training.history import EpochRecord


def live_file(folder: Path, label: str, seed: int) -> Path:
    """Return the file of one training."""
    return folder / f"{label}-{seed}.jsonl"


@contextmanager
def report_live(path: Path | None, variant: str, seed: int, epochs: int) -> "Iterator[Callable[[EpochRecord], None]]":
    """Yield a function that appends an epoch to the file `path`; without a path it does nothing.

    The first line says what is trained, for how many epochs and by which process, the last one how it ended; where that
    is missing and the process is gone, it was killed. A file that cannot be written never stops a training.
    """

    def append(line: dict[str, Any]) -> None:
        if path is not None:
            with suppress(OSError), open_to_append(path) as file:
                file.write(json.dumps({"time": round(1000 * time.time()), **line}).encode() + b"\n")

    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    append({"variant": variant, "seed": seed, "epochs": epochs, "process": os.getpid()})
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
