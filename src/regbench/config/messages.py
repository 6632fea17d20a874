"""Validation errors of pydantic as one line each: dotted key, value, rule, cure."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

LONGEST_VALUE = 60
"""Characters of a value that are shown."""
LONGEST_KEY = 200
"""Characters of a dotted key that are shown."""


def explain(
    error: ValidationError, root: type[BaseModel], prefix: tuple[str, ...] = (), suffix: tuple[str, ...] = ()
) -> list[str]:
    """Return a line for each problem, such as `variants.l2.dropout = 1.5: must be less than 1`.

    `root` is the model that was validated, and `prefix` the dotted key at which it stands. `suffix` is the rest of the
    key where the value comes from below the field.
    """
    return [_line(dict(problem), root, prefix, suffix) for problem in error.errors()]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a question with the likeliest spelling, or the list of what is valid."""
    names = sorted(valid)
    matches = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"use one of {', '.join(names)}"


def _line(problem: dict[str, Any], root: type[BaseModel], prefix: tuple[str, ...], suffix: tuple[str, ...] = ()) -> str:
    location = problem["loc"]
    # Parts in brackets are no keys: pydantic's own '[key]' of a wrong key in a dict, and tags of config.ranges.
    key = dotted(part for part in (*prefix, *location, *suffix) if not str(part).startswith("["))
    match problem["type"]:
        case "extra_forbidden":
            hint = nearest(str(location[-1]), _fields(root, location[:-1]))
            return f"{key} = {short(problem['input'])}: unknown key: {hint}"
        case "missing":
            return f"{key}: missing: add it"
        case "tuple_type" | "list_type":
            return f"{key} = {short(problem['input'])}: must be a list, such as [{_shown(problem['input'])}]"
        case "too_short":
            return f"{key} = []: must not be empty: give at least {problem['ctx']['min_length']}"
        case _:
            rule = problem["msg"].removeprefix("Value error, ").replace("Input should ", "must ")
            return f"{key or 'the file'} = {short(problem['input'])}: {rule}"


def _fields(root: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that are valid at a location, which passes through models and dicts of models."""
    annotation: Any = root
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[part].annotation
        elif any(part == tag for _, tag in _tagged(annotation)):
            annotation = next(member for member, tag in _tagged(annotation) if part == tag)
        else:
            annotation = get_args(annotation)[-1]
        while get_origin(annotation) is Annotated:  # A dict's values; pydantic itself has unwrapped those of fields.
            annotation = get_args(annotation)[0]
    return list(annotation.model_fields)


def _tagged(annotation: Any) -> list[tuple[Any, str]]:
    """Return the members of a union that carry a tag, with their tags."""
    parts = [get_args(member) for member in get_args(annotation)]
    return [(part[0], note.tag) for part in parts for note in part[1:] if isinstance(note, Tag)]


def _shown(value: Any) -> str:
    """Return a value as an entry of a list in YAML."""
    return "1, 2" if value is None or isinstance(value, dict) else short(value)


def short(value: Any) -> str:
    """Return a value as messages show it, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def dotted(parts: Iterable[object]) -> str:
    """Return a dotted key as messages show it, cut off where it is long."""
    key = ".".join(str(part) for part in parts)
    return key if len(key) <= LONGEST_KEY else f"{key[: LONGEST_KEY - 3]}..."
