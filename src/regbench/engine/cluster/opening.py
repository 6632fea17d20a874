"""Open an executor on a cluster: trainings run there; calls that are not worth sending run on this machine."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from regbench.config.compute import Compute
from regbench.engine.cluster.home import Home, open_home
from regbench.engine.cluster.parcel import has_inputs
from regbench.engine.executor import Executor
from regbench.engine.local import local_executor
from regbench.engine.store import Store
from regbench.errors import InputError


class ClusterExecutor:
    """Carries a call to the cluster if it says what it reads, else to a process of this machine.

    Augmentations stay here: they read and write whole data sets, and take less time than sending these would.
    """

    def __init__(self, far: Executor, near: Callable[[], Executor]) -> None:
        self.far, self.near = far, near

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Return a future of `function(*arguments)`."""
        executor = self.far if has_inputs(arguments) else self.near()
        return executor.submit(function, *arguments)


@contextmanager
def cluster_executor(compute: Compute, store: Store) -> Iterator[ClusterExecutor]:
    """Yield an executor on the cluster of `compute.executor`.

    Raises:
        ClusterError: the cluster cannot be used.
        InputError: what it needs is not installed.
    """
    with ExitStack() as stack:
        local: list[Executor] = []

        def near() -> Executor:
            if not local:
                local.append(stack.enter_context(local_executor(compute.processes)))
            return local[0]

        home = stack.enter_context(open_home(store))
        yield ClusterExecutor(stack.enter_context(_open(compute, home)), near)


def _open(compute: Compute, home: Home) -> AbstractContextManager[Executor]:
    try:
        if compute.executor == "dask":
            from regbench.engine.cluster.dask_opening import dask_executor

            return dask_executor(compute, home)
        from regbench.engine.cluster.slurm_executor import slurm_executor

        return slurm_executor(compute, home)
    except ModuleNotFoundError as error:
        raise InputError(
            f"compute.executor = {compute.executor!r}: needs the package {error.name}, which is not installed: "
            f"pip install 'regbench[{compute.executor}]'"
        ) from None
