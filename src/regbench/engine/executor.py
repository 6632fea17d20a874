"""What carries tasks out: anything that has the `submit` of `concurrent.futures`."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Executor(Protocol):
    """Carries calls out, here or elsewhere; it never decides what is to be done, and changes no result."""

    def submit(self, function: Callable[..., Result], /, *arguments: Any) -> "Future[Result]":
        """Return a future of `function(*arguments)`; both are picklable, the function is one of a module."""
