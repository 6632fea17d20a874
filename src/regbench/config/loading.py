"""Reading sections of `params.yaml`: a stage loads its own ones, and knows nothing of the others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from regbench.config.messages import explain
from regbench.config.section import Section
from regbench.errors import InputError

Sections = TypeVar("Sections", bound=Section)


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
        InputError: there is no such file, it is not YAML, or it has no keys.
    """
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: run from the project's folder, or restore it from git") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: must hold keys with values: restore it from git")
    found: Mapping[str, Any] = tuples(content)
    return found


def tuples(value: Any) -> Any:
    """Turn YAML sequences into tuples, so that a loaded record cannot be changed."""
    if isinstance(value, Mapping):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value
