"""Execute calls on a Dask cluster: submit them in order, receive their events, and store their results."""

import os
import threading
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import distributed
from distributed import Client, KilledWorker

from regbench.config.cluster import Dask
from regbench.engine.cluster.cache import complete, pieces, receive
from regbench.engine.cluster.carried import CarriedFuture
from regbench.engine.cluster.dask_worker import open_on_dask
from regbench.engine.cluster.home import Home
from regbench.engine.cluster.parcel import ClusterError
from regbench.engine.cluster.worker import Delivery
from regbench.engine.inputs import Input
from regbench.engine.live import append_line
from regbench.errors import WorkerDiedError

IN_FLIGHT = 4000
"""Calls that the scheduler has at a time: enough for 1,000 workers, and a bound of its memory and of the head's."""
SENDERS = 4
"""Workers that files are sent to at a time."""
RECEIVERS = 8
"""Runs that come home at a time: writing one to disk waits for the disk, and more in memory would be too many."""
LOST = "the Dask scheduler was lost: start it, then run the same command again: what was finished is kept"


class DaskExecutor:
    """Executes calls on a cluster; order of submission is order of priority."""

    def __init__(
        self,
        client: Client,
        home: Home,
        settings: Dask,
        resources: dict[str, float],
        work: Callable[..., Delivery] = open_on_dask,
    ) -> None:
        self.client, self.home, self.settings, self.resources, self.work = client, home, settings, resources, work
        self.topic = f"regbench-{uuid.uuid4().hex}"
        self.numbers = count()
        self.futures: dict[int, CarriedFuture] = {}
        self.waiting: deque[tuple[int, Callable[..., Any], tuple[Any, ...]]] = deque()
        self.there: set[int] = set()
        self.lock = threading.RLock()
        self.inputs: dict[str, Input] = {}
        self.sending: set[tuple[str, str]] = set()
        self.senders = ThreadPoolExecutor(SENDERS, "send")
        self.receivers = ThreadPoolExecutor(RECEIVERS, "receive")
        client.subscribe_topic(self.topic, self._hear)

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Return a future of a call on the cluster.

        Raises:
            ClusterError: the scheduler was lost.
        """
        if self.client.status != "running":
            raise ClusterError(LOST)
        number, near = next(self.numbers), CarriedFuture()
        self.futures[number] = near
        self.waiting.append((number, function, arguments))
        self._fill()
        return near

    def _fill(self) -> None:
        """Hand waiting calls to the scheduler, in their order, until it has as many as it may have."""
        with self.lock:
            while self.waiting and len(self.there) < IN_FLIGHT:
                number, function, arguments = self.waiting.popleft()
                near = self.futures[number]
                try:
                    if near.cancelled():
                        del self.futures[number]
                    else:
                        self.there.add(number)
                        self._hand_over(number, near, function, arguments)
                except Exception as error:
                    self.there.discard(number)
                    near.end(error=error if self.client.status == "running" else ClusterError(LOST))

    def _hand_over(
        self, number: int, near: CarriedFuture, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        parcel = self.home.pack(function, arguments)
        self.inputs |= {each.digest: each for each in parcel.inputs}
        far = self.client.submit(
            self.work,
            parcel,
            number,
            self.topic,
            self.settings.cache,
            key=f"{parcel.title}-{uuid.uuid4().hex}",
            priority=-number,
            pure=False,
            resources=self.resources or None,
        )
        near.cancel_there = far.cancel
        far.add_done_callback(lambda ended: self.receivers.submit(self._arrive, number, ended))

    def close(self) -> None:
        """Cancel unfinished calls, and leave the cluster."""
        for pool in (self.senders, self.receivers):
            pool.shutdown(wait=False, cancel_futures=True)
        with suppress(Exception):
            self.client.close(timeout=5)

    def _arrive(self, number: int, far: "distributed.Future[Any]") -> None:
        """Take what a call came to; done by one of the threads that receive."""
        near = self.futures.pop(number)
        self.there.discard(number)
        self._fill()
        try:
            near.end(self.home.receive(self._result(far)))
        except BaseException as error:
            near.end(error=error)
        finally:
            near.cancel_there = _nothing
            far.release()

    def _result(self, far: "distributed.Future[Any]") -> Delivery:
        try:
            delivery: Delivery = far.result()
        except KilledWorker as error:
            title, deaths = str(far.key).rpartition("-")[0], error.allowed_failures + 1
            raise WorkerDiedError(
                f"{title}: {deaths} workers died while they did it; perhaps memory ran out: give them more, then run "
                "the same command again: what was finished is kept"
            ) from None
        except Exception:
            if far.status == "error" and self.client.status == "running":
                raise
            raise ClusterError(LOST) from None
        return delivery

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Take an event of a worker; done by the client's own thread, so what takes long is done by others."""
        message = event[1]
        if "begun" in message and (near := self.futures.get(message["begun"])):
            near.begin()
        elif "live" in message:
            # The process that a training ends with is the head.
            own = {"process": os.getpid()} if "process" in message["line"] else {}
            append_line(Path(message["live"]), {**message["line"], **own})
        elif "missing" in message and (message["worker"], message["missing"]) not in self.sending:
            self.sending.add((message["worker"], message["missing"]))
            self.senders.submit(self._send, message["worker"], self.inputs[message["missing"]])

    def _send(self, worker: str, wanted: Input) -> None:
        """Send the files of an input to a worker; a worker that has died needs none."""
        sender, cache = uuid.uuid4().hex, self.settings.cache
        try:
            for name in wanted.files():
                for offset, piece in pieces(wanted.folder / name):
                    self.client.run(receive, cache, wanted.digest, sender, name, offset, piece, workers=[worker])
            self.client.run(complete, cache, wanted, sender, self.settings.cache_gigabytes, workers=[worker])
        except Exception as error:  # A dead worker needs no files.
            if worker in self.client.scheduler_info(n_workers=-1)["workers"]:
                self._fail(ClusterError(f"{wanted.what}: cannot be sent to {worker}: {error}: correct it there"))
        finally:
            self.sending.discard((worker, wanted.digest))

    def _fail(self, error: ClusterError) -> None:
        for near in list(self.futures.values()):
            near.end(error=error)


def _nothing() -> None:
    """Cancel a call that has ended."""
