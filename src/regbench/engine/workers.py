"""Trainings side by side: forked processes that inherit the libraries and the data, or one after the other on a GPU."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Any, Self

from regbench.config.compute import Compute
from regbench.runtime.device import device, prepare
from regbench.runtime.processes import follow_parent

_work: Callable[..., Any]
"""What this worker process does; set once by fork, so that the data in it is mapped and never copied."""


class Workers:
    """Does `work` for each argument that is submitted, `compute.processes` at a time and `most` at most.

    On a CPU each worker is a forked process: a new interpreter would import torch again, which takes as long as a
    training on the default data. On a GPU the work is done at once, in this process.
    """

    def __init__(self, compute: Compute, work: Callable[..., Any], most: int) -> None:
        prepare(compute)
        self.work = work
        self.pool: ProcessPoolExecutor | None = None
        if device(compute) == "cpu":
            context = multiprocessing.get_context("fork")
            self.pool = ProcessPoolExecutor(min(compute.processes, most), context, _begin, (compute, work))

    def submit(self, argument: Any) -> "Future[Any]":
        """Return a future of `work(argument)`."""
        if self.pool is not None:
            return self.pool.submit(_do, argument)
        future: Future[Any] = Future()
        future.set_result(self.work(argument))
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=kind is not None)


def _begin(compute: Compute, work: Callable[..., Any]) -> None:
    global _work
    _work = work
    follow_parent()
    prepare(compute)


def _do(argument: Any) -> Any:
    return _work(argument)
