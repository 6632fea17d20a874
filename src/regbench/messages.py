"""Validation errors of pydantic as one line each: dotted key, value, rule, cure."""

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

LONGEST_VALUE = 60
"""Characters of a value that are shown."""


def explain(error: ValidationError, root: type[BaseModel], prefix: tuple[str, ...] = ()) -> list[str]:
    """Return a line for each problem, such as `variants.l2.dropout = 1.5: must be less than 1`.

    `root` is the model that was validated, and `prefix` the dotted key at which it stands.
    """
    return [_line(dict(problem), root, prefix) for problem in error.errors()]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a question with the likeliest spelling, or the list of what is valid."""
    names = sorted(valid)
    matches = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"use one of {', '.join(names)}"


def _line(problem: dict[str, Any], root: type[BaseModel], prefix: tuple[str, ...]) -> str:
    location = problem["loc"]
    # pydantic marks a wrong key of a dict by a last part '[key]'.
    key = ".".join(str(part) for part in (*prefix, *location) if part != "[key]")
    match problem["type"]:
        case "extra_forbidden":
            hint = nearest(str(location[-1]), _fields(root, location[:-1]))
            return f"{key} = {_short(problem['input'])}: unknown key: {hint}"
        case "missing":
            return f"{key}: missing: add it"
        case _:
            rule = problem["msg"].removeprefix("Value error, ").replace("Input should ", "must ")
            return f"{key or 'the file'} = {_short(problem['input'])}: {rule}"


def _fields(root: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that are valid at a location, which passes through models and dicts of models."""
    annotation: Any = root
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[part].annotation
        else:
            annotation = get_args(annotation)[-1]
    return list(annotation.model_fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
