"""What tests of protocols share: a folder to run in."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of trained networks is in the folder from which a command is run."""
    monkeypatch.chdir(tmp_path)
