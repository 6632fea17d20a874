"""Programs that check files for deployment."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML


def tool(*command: str, code: int = 0) -> str:
    """Run a validator of this environment, or one of the machine; skip where that is absent."""
    here = Path(sys.executable).with_name(command[0])
    found = str(here) if here.exists() else shutil.which(command[0])
    if found is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([found, *command[1:]], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def documents(path: Path) -> list[Any]:
    """Return the documents of a YAML file."""
    return list(YAML(typ="safe").load_all(path.read_text()))
