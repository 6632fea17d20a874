"""Reads sections of `params.yaml`. A stage loads only its own sections."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from regbench.config.messages import dotted, explain, short
from regbench.config.section import Section
from regbench.errors import InputError, reason_of

Sections = TypeVar("Sections", bound=Section)

MAX_BYTES = 1_000_000
"""Size of a file of parameters, at most."""
MAX_DEPTH = 20
"""Levels of keys and lists in it, at most; what the sections need is 5."""
LARGEST = 2**63 - 1
"""A whole number's magnitude, at most."""
MOST_PROBLEMS = 20
"""Lines of one message."""


def load_sections(path: Path, model: type[Sections]) -> Sections:
    """Read the sections of `params.yaml` that `model` has as fields; the stage `check` has checked the whole file.

    Raises:
        InputError: every problem found in these sections, one line each.
    """
    found = {key: value for key, value in read_yaml(path).items() if key in model.model_fields}
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {problem}" for problem in explain(error, model))) from None


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return what a YAML file holds; sequences are tuples, so that a loaded record cannot be changed.

    Raises:
        InputError: there is no such file, it is not YAML, it has no keys, or it is larger or deeper than any file of
            parameters: that is found before memory is taken for it.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise InputError(f"{path}: {size:,} bytes: must be at most {MAX_BYTES:,}: restore it from git")
        text = path.read_text(encoding="utf-8")
        _refuse_bombs(path, text)
        content = YAML(typ="safe").load(text)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: run from the project's folder, or restore it from git") from None
    # The parser raises what Python's functions raise for a date or number that is none, such as an empty `!!int`.
    except (YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not valid YAML: {reason_of(error)}") from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: must hold keys with values: restore it from git")
    if wrong := [f"{path}: {problem}" for problem in _unusable(content, ())]:
        raise InputError("\n".join(wrong[:MOST_PROBLEMS]))
    found: Mapping[str, Any] = tuples(content)
    return found


def _refuse_bombs(path: Path, text: str) -> None:
    """Raise InputError for aliases, with which a few lines can expand to terabytes, and for too deep nesting."""
    depth = 0
    for event in YAML(typ="safe").parse(text):
        where = f"{path}: line {event.start_mark.line + 1}"
        if isinstance(event, AliasEvent):
            raise InputError(f"{where}: *{event.anchor}: aliases are not read: write the value out")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InputError(f"{where}: nested more than {MAX_DEPTH} levels deep: no parameter is: correct it")


def _unusable(value: Any, key: tuple[str, ...]) -> Iterator[str]:
    """Yield what no parameter can be: a key that is no text, a whole number that no library takes."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(name, str):
                yield from _unusable(item, (*key, name))
            else:
                yield f"{dotted((*key, '?'))} = {short(name)}: a key must be text: put it in quotes"
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _unusable(item, (*key, str(place)))
    elif isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        yield f"{dotted(key)}: a number of {value.bit_length()} bits: must be of at most 63: correct it"


def tuples(value: Any) -> Any:
    """Turn YAML sequences into tuples, so that a loaded record cannot be changed."""
    if isinstance(value, Mapping):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value
