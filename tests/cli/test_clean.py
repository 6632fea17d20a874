"""`regbench clean`: the store is cut back to a size, least recently used first."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regbench.cli.main import regbench
from regbench.layout import STORE

PARAMS = "compute: {store_gigabytes: 0.000002}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store of three runs of 1,000 bytes each, `a` used least recently, `c` most."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    for age, name in enumerate("cba"):
        entry = tmp_path / STORE / "runs" / name / "seed-1"
        entry.mkdir(parents=True)
        (entry / "model.safetensors").write_bytes(bytes(1000))
        os.utime(entry, (1_000_000 - age, 1_000_000 - age))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left(project: Path) -> list[str]:
    return sorted(path.parent.parent.name for path in (project / STORE).glob("runs/*/*/*"))


def clean(*arguments: str) -> Result:
    return CliRunner().invoke(regbench, ["clean", *arguments])


def test_the_limit_of_params_yaml_is_kept(project: Path) -> None:
    found = clean()
    assert (found.exit_code, found.stdout) == (0, f"{STORE}: 1 of 3 entries deleted, 0.00 GB left\n")
    assert left(project) == ["b", "c"]


def test_a_size_may_be_given_and_0_empties_the_store(project: Path) -> None:
    assert clean("--gigabytes", "0.000001").exit_code == 0
    assert left(project) == ["c"]
    assert clean("--gigabytes", "0").exit_code == 0
    assert left(project) == []


def test_a_size_below_0_is_refused(project: Path) -> None:
    found = clean("--gigabytes", "-1")
    assert found.exit_code == 2 and "is not in the range x>=0" in found.stderr
    assert left(project) == ["a", "b", "c"]
