"""The benchmarks of clusters, each with few runs: they measure what they say, and find every run."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cluster import __main__ as command
from benchmarks.cluster import missing, track

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let variants have two seeds."""
    for module in (missing, track):
        monkeypatch.setattr(module, "SEEDS", 2)


def measure(folder: Path, monkeypatch: pytest.MonkeyPatch, what: str, **options: float) -> Any:
    """Run the command and return what it found."""
    given = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    monkeypatch.setattr(sys, "argv", ["cluster", what, str(folder), *given])
    monkeypatch.setenv("PYTHONPATH", "")  # Which the command sets for its workers.
    command.main()
    return json.loads((folder / f"{what}.json").read_text())["found"]


def test_overhead_is_told_beside_the_training_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = measure(tmp_path, monkeypatch, "overhead", runs=4, epochs=1, rounds=1)
    assert [row["executor"] for row in rows] == ["local", "dask"]
    for row in rows:
        assert row["two workers against one"] > 0
        assert row["ms a training, one worker"] > 0 and row["ms beyond it, one worker"] > 0


def test_the_head_carries_stubs_to_threads_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure(tmp_path, monkeypatch, "head", tasks=100, at_a_time=8, shortest=0.01, longest=0.02)
    assert found["tasks"] == 100 and found["milliseconds of head time a task"] > 0
    assert len(list((tmp_path / "head/store/runs").glob("*/seed-*/model.safetensors"))) == 100


def test_every_run_of_the_store_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = measure(tmp_path, monkeypatch, "missing", tasks=16)
    assert [row["runs"] for row in rows] == [4, 8, 16]


def test_runs_are_logged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure(tmp_path, monkeypatch, "track", runs=4)
    (row,) = found["logged"]
    assert row["runs"] == 6, "two variants, and two seeds of each"
