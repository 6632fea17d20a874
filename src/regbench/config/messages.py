"""Validation errors of pydantic as one line each: dotted key, value, rule, cure."""

import difflib
from collections.abc import Iterable, Sized
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

LONGEST_VALUE = 60
"""Characters of a value that are shown."""
LONGEST_KEY = 200
"""Characters of a dotted key that are shown."""

RULES = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must hold names, each with its own keys: see the shipped params.yaml",
    "string_pattern_mismatch": "must consist of letters, digits, - and _, without blanks: rename it",
}
"""Kind of pydantic's errors -> rule in plain words."""


def explain(
    error: ValidationError, root: type[BaseModel], prefix: tuple[str, ...] = (), suffix: tuple[str, ...] = ()
) -> list[str]:
    """Return a line for each problem, such as `variants.l2.dropout = 1.5: must be less than 1`.

    `root` is the model that was validated, and `prefix` its dotted key. `suffix` is the rest of the
    key where the value comes from below the field.
    """
    problems = [dict(problem) for problem in error.errors()]
    return [_line(problem, root, prefix, suffix) for problem in problems if not _follows(problem)]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a question with the likeliest spelling, or the list of what is valid."""
    names = sorted(valid)
    matches = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"use one of {', '.join(names)}"


def _follows(problem: dict[str, Any]) -> bool:
    """Return whether a list counts as too short only because its entries are wrong, which has lines of its own."""
    given = problem["input"]
    return problem["type"] == "too_short" and isinstance(given, Sized) and len(given) >= problem["ctx"]["min_length"]


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
            example = _example(problem["input"], get_args(_annotation(root, location)))
            return f"{key} = {short(problem['input'])}: must be a list, such as [{example}]"
        case "too_short":
            fewest = problem["ctx"]["min_length"]
            return f"{key} = {short(problem['input'])}: must not be empty: give at least {fewest}"
        case "string_type":
            value = short(problem["input"])
            cure = f": quote it: '{value}'" if isinstance(problem["input"], (int, float)) else ""
            return f"{key} = {value}: must be text{cure}"
        case "model_type" | "model_attributes_type":
            keys = ", ".join(_fields(root, location))
            return f"{key} = {short(problem['input'])}: must hold keys with values; its keys are {keys}"
        case kind:
            rule = problem["msg"].removeprefix("Value error, ").replace("Input should ", "must ")
            return f"{key or 'the file'} = {short(problem['input'])}: {RULES.get(kind, rule)}"


def _fields(root: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that are valid at a location."""
    return list(_annotation(root, location).model_fields)


def _annotation(root: type[BaseModel], location: tuple[Any, ...]) -> Any:
    """Return the type of a location, which passes through models and dicts of models."""
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
    return annotation


def _tagged(annotation: Any) -> list[tuple[Any, str]]:
    """Return the members of a union that carry a tag, with their tags."""
    parts = [get_args(member) for member in get_args(annotation)]
    return [(part[0], note.tag) for part in parts for note in part[1:] if isinstance(note, Tag)]


def _example(value: Any, entries: tuple[Any, ...]) -> str:
    """Return a value as the entries of a list in YAML; `entries` are their types, or one type and an ellipsis."""
    if value is None or isinstance(value, dict):
        return "1, 2"
    return ", ".join([short(value)] * (1 if Ellipsis in entries else max(1, len(entries))))


def short(value: Any) -> str:
    """Return a value as messages show it, cut off where it is long."""
    text = "null" if value is None else repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def dotted(parts: Iterable[object]) -> str:
    """Return a dotted key as messages show it, cut off where it is long."""
    key = ".".join(str(part) for part in parts)
    return key if len(key) <= LONGEST_KEY else f"{key[: LONGEST_KEY - 3]}..."
