"""Worker processes on this machine.

They are forked from a server that imported torch once and has no threads (`forkserver`), never from the process that
uses them: a fork after threads have started hangs as soon as a child waits for a lock that one of them held.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from typing import Any, Literal, TypeVar

from regbench.config.compute import Compute
from regbench.runtime.processes import follow_parent

Result = TypeVar("Result")
PRELOADED = "regbench.engine.preload"


class InlineExecutor:
    """Executes each call at once, in this process."""

    def submit(self, function: Callable[..., Result], /, *arguments: Any) -> "Future[Result]":
        """Return a future that has its result, or its exception, already."""
        future: Future[Result] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def prepare_workers(compute: Compute, *modules: str) -> None:
    """Begin to import what workers on this machine need, torch and `modules`; this process can do the same meanwhile.

    Without a call, the imports begin when `local_executor` is entered.
    """
    if compute.executor == "local":
        _start_server(*modules)


def _start_server(*modules: str) -> None:
    forkserver.set_forkserver_preload([PRELOADED, *modules])
    # First, since its start would unblock the signal.
    resource_tracker.ensure_running()
    # The server inherits this: Ctrl-C, which its owner handles, would print a traceback of its imports.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def local_executor(
    workers: int, method: Literal["forkserver", "spawn"] = "forkserver"
) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of worker processes; those that still work when an exception ends the block are killed.

    `spawn` starts fresh interpreters, which import torch each; a worker of a cluster is no other.
    """
    # With several threads, OpenMP's workers would spin at every barrier and starve a neighbour's; PyTorch reads this
    # when it is imported, in the server.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if method == "forkserver":
        _start_server()
    context = multiprocessing.get_context(method)
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, _begin)
    try:
        yield pool
    except BaseException:
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin() -> None:
    """Prepare a worker: ignore Ctrl-C, which its owner handles, and end it when its owner or the server dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow_parent()
    threading.Thread(target=_follow_owner, daemon=True).start()


def _follow_owner() -> None:
    """End this process when the one that uses the pool is gone: the server, its parent, lives on with its workers."""
    owner = multiprocessing.parent_process()
    if owner is not None:
        owner.join()
        os.kill(os.getpid(), signal.SIGKILL)
