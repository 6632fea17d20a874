"""Waiting for trainings: each is yielded once, and what has ended is held no more."""

import gc
import time
import weakref
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from regbench.engine.progress import wait_for


def made(count: int) -> "dict[Future[Path], Any]":
    """Return futures, each with what is asked of a task."""
    return {Future(): SimpleNamespace(spec=SimpleNamespace(epochs=1), live=None) for _ in range(count)}


def test_a_training_that_has_ended_is_held_no_more() -> None:
    futures = made(3)
    references = [weakref.ref(future) for future in futures]
    for future in futures:
        future.set_result(Path("done"))
    del future
    waiting = wait_for(futures)
    for left in (2, 1, 0):
        assert next(waiting).done() and len(futures) == left
    assert list(waiting) == []
    gc.collect()
    assert not any(reference() for reference in references)


def test_what_has_not_begun_at_the_deadline_is_cancelled_and_the_rest_is_waited_for() -> None:
    futures = made(2)
    running, late = futures
    running.set_running_or_notify_cancel()
    late.add_done_callback(lambda _: running.set_result(Path("done")))
    assert [future.result() for future in wait_for(futures, time.monotonic() + 0.1)] == [Path("done")]
    assert late.cancelled() and futures == {}
