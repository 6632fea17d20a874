"""Define the executor of tasks: any object with the `submit` method of `concurrent.futures`."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Executor(Protocol):
    """Executes calls, here or elsewhere; it never decides which calls to make, and changes no result.

    Anything with this method will do, such as one that computes at once, in its own process:

    >>> class Inline:
    ...     def submit(self, function, /, *arguments):
    ...         future = Future()
    ...         future.set_result(function(*arguments))
    ...         return future
    >>> Inline().submit(pow, 2, 10).result()
    1024
    """

    def submit(self, function: Callable[..., Result], /, *arguments: Any) -> "Future[Result]":
        """Return a future of `function(*arguments)`; both are picklable, the function is one of a module."""
