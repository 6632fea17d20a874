"""Futures of calls that another machine executes."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any


class CarriedFuture(Future[Any]):
    """Set from other threads, in whatever order their messages arrive; cancelling it cancels the call there."""

    def __init__(self, cancel: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.cancel_there = cancel
        self.lock = threading.Lock()
        self.is_begun = False

    def begin(self) -> bool:
        """Mark the call as running; return False if it was cancelled."""
        with self.lock:
            if not self.is_begun and not self.done():
                self.is_begun = self.set_running_or_notify_cancel()
            return self.is_begun

    def end(self, value: Any = None, error: BaseException | None = None) -> None:
        """Set the result, or the exception, unless there is one already or the call was cancelled."""
        if self.begin() and not self.done():
            if error is None:
                self.set_result(value)
            else:
                self.set_exception(error)

    def cancel(self) -> bool:
        """Cancel the call unless it is running."""
        cancelled = super().cancel()
        if cancelled:
            with suppress(Exception):
                self.cancel_there()
        return cancelled
