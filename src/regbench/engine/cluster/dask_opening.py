"""Open a Dask cluster: one that already runs, or workers on this machine that end with the stage."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client, LocalCluster

from regbench.config.compute import Compute
from regbench.engine.cluster.dask_executor import DaskExecutor
from regbench.engine.cluster.home import Home
from regbench.engine.cluster.parcel import ClusterError

GPU = "GPU"
"""Name of the resource that a worker with a GPU offers: `dask worker --resources GPU=1`."""
CONNECT = 30
"""Seconds until a scheduler must have answered."""


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
