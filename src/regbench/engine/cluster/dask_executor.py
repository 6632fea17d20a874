"""Calls on a Dask cluster: one that runs already, or workers of this machine that end with the stage."""

import logging
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import distributed
from distributed import Client, KilledWorker, LocalCluster

from regbench.config.cluster import Dask
from regbench.config.compute import Compute
from regbench.engine.cluster.cache import complete, pieces, receive
from regbench.engine.cluster.carried import CarriedFuture
from regbench.engine.cluster.dask_worker import open_on_dask
from regbench.engine.cluster.home import Home
from regbench.engine.cluster.parcel import ClusterError
from regbench.engine.cluster.worker import Delivery
from regbench.engine.inputs import Input
from regbench.engine.live import append_line
from regbench.errors import WorkerDiedError

GPU = "GPU"
"""Name of the resource that a worker with a GPU offers: `dask worker --resources GPU=1`."""
SENDERS = 4
"""Workers that files are sent to at a time."""
RECEIVERS = 8
"""Runs that come home at a time: writing one to disk waits for the disk, and more in memory would be too many."""
CONNECT = 30
"""Seconds until a scheduler must have answered."""
LOST = "the Dask scheduler was lost: start it, then run the same command again: what was finished is kept"


class DaskExecutor:
    """Carries calls to a cluster; order of submission is order of priority."""

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
        parcel, number = self.home.pack(function, arguments), next(self.numbers)
        self.inputs |= {each.digest: each for each in parcel.inputs}
        if self.client.status != "running":
            raise ClusterError(LOST)
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
        near = CarriedFuture(far.cancel)
        self.futures[number] = near
        far.add_done_callback(lambda ended: self.receivers.submit(self._arrive, number, ended))
        return near

    def close(self) -> None:
        """Cancel what is not done, and leave the cluster."""
        for pool in (self.senders, self.receivers):
            pool.shutdown(wait=False, cancel_futures=True)
        with suppress(Exception):
            self.client.close(timeout=5)

    def _arrive(self, number: int, far: "distributed.Future[Any]") -> None:
        """Take what a call came to; done by one of the threads that receive."""
        near = self.futures.pop(number)
        try:
            near.end(self.home.receive(self._result(far)))
        except BaseException as error:
            near.end(error=error)
        finally:
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
        """Send the files of an input to a worker; one that dies meanwhile needs them no more."""
        sender, cache = uuid.uuid4().hex, self.settings.cache
        try:
            for name in wanted.files():
                for offset, piece in pieces(wanted.folder / name):
                    self.client.run(receive, cache, wanted.digest, sender, name, offset, piece, workers=[worker])
            self.client.run(complete, cache, wanted, sender, self.settings.cache_gigabytes, workers=[worker])
        except Exception as error:  # A worker that died needs no files.
            if worker in self.client.scheduler_info(n_workers=-1)["workers"]:
                self._fail(ClusterError(f"{wanted.what}: cannot be sent to {worker}: {error}: correct it there"))
        finally:
            self.sending.discard((worker, wanted.digest))

    def _fail(self, error: ClusterError) -> None:
        for near in list(self.futures.values()):
            near.end(error=error)


@contextmanager
def dask_executor(compute: Compute, home: Home) -> Iterator[DaskExecutor]:
    """Yield an executor of calls on the cluster that the parameters name.

    Raises:
        ClusterError: no scheduler answers.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # What matters is raised.
    address = compute.dask.address or os.environ.get("DASK_SCHEDULER_ADDRESS", "")
    with _workers_here(compute) if not address else _none() as cluster:
        try:
            client = Client(cluster or address, timeout=CONNECT, set_as_default=False, name="regbench")
        except (OSError, ValueError, TypeError, RuntimeError) as error:  # Without TLS's files, or without a scheduler.
            raise ClusterError(
                f"compute.dask.address = {address!r}: no scheduler answers ({str(error).splitlines()[0]}): start it, "
                "or correct the address"
            ) from None
        executor = DaskExecutor(client, home, compute.dask, _resources(client, compute))
        try:
            yield executor
        finally:
            executor.close()


@contextmanager
def _workers_here(compute: Compute) -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=compute.processes,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


@contextmanager
def _none() -> Iterator[None]:
    yield None


def _resources(client: Client, compute: Compute) -> dict[str, float]:
    """Return what a call asks of a worker: its share of a GPU where workers offer theirs."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if compute.device == "cpu" or not any(GPU in worker["resources"] for worker in workers):
        return {}
    return {GPU: 1 / compute.trainings_per_gpu}
