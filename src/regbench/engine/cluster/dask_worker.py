"""The part that runs on Dask's workers: reports progress, and requests files that the worker cannot see."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Worker, get_worker

from regbench.engine.cluster.cache import find_input, open_cache
from regbench.engine.cluster.parcel import ClusterError, Parcel
from regbench.engine.cluster.worker import Delivery, open_parcel
from regbench.engine.inputs import Input
from regbench.engine.live import WRITER, Line
from regbench.engine.store import Store

AGAIN = 30.0
"""Seconds after which a worker asks once more: the head may not have heard."""
LOOK = 0.05
"""Seconds between two looks for files on their way."""


@dataclass(frozen=True)
class DaskFetcher:
    """Asks the head for files, which come piece by piece while this thread waits."""

    worker: Worker
    topic: str
    """Of the events that the head listens to."""
    folder: str
    """As `compute.dask.cache`."""

    @property
    def cache(self) -> Store:
        """Where files are kept."""
        return open_cache(self.folder)

    def fetch(self, wanted: Input) -> None:
        """Return when the files are here, or when it is time to ask again; ClusterError if the call was cancelled."""
        self.tell({"missing": wanted.digest, "worker": self.worker.address})
        key, until = self.worker.get_current_task(), time.monotonic() + AGAIN
        while time.monotonic() < until and find_input(self.cache, wanted) is None:
            task = self.worker.state.tasks.get(key)
            if task is None or task.state != "executing":
                raise ClusterError(f"{wanted.what}: the head is gone, which was to send it: start again")
            time.sleep(LOOK)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Send an event to the head."""
        self.worker.log_event(self.topic, event)


def open_on_dask(parcel: Parcel, number: int, topic: str, folder: str) -> Delivery:
    """Do the call of a parcel, the head's `number`; see `regbench.engine.cluster.worker.open_parcel`.

    Raises:
        ClusterError: the worker has several threads, or as `open_parcel`.
    """
    worker = get_worker()
    if worker.state.nthreads > 1:
        raise ClusterError(
            f"worker {worker.address} has {worker.state.nthreads} threads: networks may draw from random numbers that "
            "all threads of a process share: start several workers, each with --nthreads 1"
        )
    fetcher = DaskFetcher(worker, topic, folder)
    fetcher.tell({"begun": number})

    def write(path: Path, line: Line) -> None:
        fetcher.tell({"live": str(path), "line": line})

    reset = WRITER.set(write)
    try:
        return open_parcel(parcel, fetcher)
    finally:
        WRITER.reset(reset)
