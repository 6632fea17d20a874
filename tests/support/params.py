"""params.yaml with changes, and what is said of mistakes in it."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from regbench.config.checking import load_params
from regbench.errors import InputError

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def change(tmp_path: Path, **changes: Any) -> Path:
    """Write the shipped parameters with dotted keys (`__` for a dot) set to other values."""
    content = YAML(typ="safe").load(SHIPPED.read_text())
    for dotted, value in changes.items():
        *parents, last = dotted.split("__")
        place = content
        for part in parents:
            place = place[part]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump(content, path)
    return path


REMOVED = object()


def refused(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_params(path)
    assert caught.value.exit_code == 2
    return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]
