"""What a running training shows of itself: a file that grows by a line an epoch, and that nothing depends on."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from regbench.training.fit import EpochRecord


@contextmanager
def shown(folder: Path | None, variant: str, seed: int, epochs: int) -> Iterator[Callable[[EpochRecord], None]]:
    """Yield a function that appends an epoch to `folder/VARIANT-SEED.jsonl`; without a folder it does nothing.

    The first line says what is trained, for how many epochs and by which process, the last one how it ended; where that
    is missing and the process is gone, it was killed. A file that cannot be written never stops a training.
    """
    path = folder and folder / f"{variant}-{seed}.jsonl"

    def append(line: dict[str, Any], mode: str = "a") -> None:
        if path is not None:
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open(mode, encoding="utf-8") as file:
                    file.write(json.dumps({"time": round(1000 * time.time()), **line}) + "\n")

    append({"variant": variant, "seed": seed, "epochs": epochs, "process": os.getpid()}, "w")
    try:
        yield lambda record: append(asdict(record))
    except BaseException:
        append({"ended": "FAILED"})
        raise
    append({"ended": "FINISHED"})
