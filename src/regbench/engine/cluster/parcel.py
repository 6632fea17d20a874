"""A call that another machine executes: packed here, opened there by `regbench.engine.cluster.worker`.

Everything that decides its result is in the parcel or named in it by content, so that a worker can refuse what it would
compute differently.
"""

import pickle
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar

from regbench.engine.inputs import Input
from regbench.errors import RegbenchError
from regbench.runtime.code_identity import identity_of

T = TypeVar("T")
WORKER = "regbench.engine.cluster.worker"
LIBRARIES = ("numpy", "optuna", "torch", "torchvision")
"""Must be the same on the machines that pack and execute a call."""


class ClusterError(RegbenchError):
    """A cluster that cannot be used: no scheduler answers, or a worker differs from the head."""

    exit_code = 4


class Portable(Protocol):
    """A task, or what trains, that says what it reads; the fields of a dataclass may be such."""

    @property
    def title(self) -> str:
        """Name for messages."""

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a worker needs to do it."""


@dataclass(frozen=True)
class Parcel:
    """A call, what it reads, and what a worker must have in common with the head."""

    title: str
    """For people: variant and seed."""
    content: bytes
    """The pickled function and arguments; opened only after `versions` and `code` were compared."""
    inputs: tuple[Input, ...]
    store: Path
    """The head's store."""
    token: str
    """Name of a file in the head's store: a worker that finds it there sees the same files."""
    modules: tuple[str, ...]
    """Modules whose code, with all that they import, does the call."""
    code: str
    """Their identity."""
    versions: str


def pack(function: Callable[..., Any], arguments: tuple[Any, ...], store: Path, token: str) -> Parcel:
    """Return the parcel of `function(*arguments)`."""
    parts = list(_parts(arguments))
    inputs = {each.folder: each for part in _portable(arguments) for each in part.inputs}
    named = {WORKER, function.__module__, *(type(part).__module__ for part in parts)}
    modules = tuple(sorted(name for name in named if name.startswith("regbench.")))
    places = {part: part.absolute() for part in parts if isinstance(part, Path)}
    return Parcel(
        title=describe(function, arguments),
        content=pickle.dumps((function, move(arguments, places))),
        inputs=tuple(replace(each, folder=folder.absolute()) for folder, each in inputs.items()),
        store=store.absolute(),
        token=token,
        modules=modules,
        code=identity_of(*modules),
        versions=versions(),
    )


def has_inputs(arguments: tuple[Any, ...]) -> bool:
    """Return whether the arguments say what they read, so that another machine can do the call."""
    return any(True for _ in _portable(arguments))


def describe(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str:
    """Return variant and seed, or trial, of a call; the function's name where there is no variant."""
    titles = [part.title for part in _portable(arguments)]
    numbers = [f"trial {each.number}" for each in arguments if hasattr(each, "number")]
    numbers += [f"seed {each}" for each in arguments if isinstance(each, int)]
    return " ".join([*titles, *numbers]) or function.__name__


@cache
def versions() -> str:
    """Return the versions of what computes here, such as `python 3.11, numpy 2.4.6, torch 2.14.1`."""
    major, minor = sys.version_info[:2]
    return ", ".join([f"{platform.python_implementation()} {major}.{minor}", *(f"{n} {version(n)}" for n in LIBRARIES)])


def move(value: T, places: Mapping[Path, Path]) -> T:
    """Return a value with other paths in it, also those in its dataclasses and tuples; the rest is the same object."""
    moved: Any = value
    if isinstance(value, Path):
        moved = next((new / value.relative_to(old) for old, new in places.items() if value.is_relative_to(old)), value)
    elif isinstance(value, tuple) and type(value) is tuple:
        moved = tuple(move(part, places) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        found = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {name: new for name, old in found.items() if (new := move(old, places)) is not old}
        moved = replace(value, **changed) if changed else value
    return moved  # type: ignore[no-any-return]


def _portable(arguments: tuple[Any, ...]) -> Iterator[Portable]:
    yield from (part for part in _parts(arguments) if hasattr(type(part), "inputs"))


def _parts(value: Any) -> Iterator[Any]:
    """Yield a value and those in its dataclasses, or in a tuple of arguments."""
    yield value
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _parts(getattr(value, field.name))
    elif type(value) is tuple:
        for part in value:
            yield from _parts(part)
