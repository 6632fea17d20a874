"""Every fault that `regbench doctor` looks for, made for real in a small folder: it is named, with a cure."""

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.disks import fill, small_disk
from support.git import git
from support.project import REGBENCH, ROOT, environment

from regbench.health.doctor import examine
from regbench.health.finding import Finding
from regbench.retraining.paths import JobPaths

pytestmark = pytest.mark.fault

LOCK = """
stages:
  train: {cmd: c, deps: [{path: params.yaml}, {path: src}], outs: [{path: runs, md5: x.dir, size: 3, nfiles: 1}]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which all is well: committed code, one output, no results yet."""
    shutil.copy2(ROOT / "params.yaml", tmp_path)
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("1")
    (tmp_path / ".gitignore").write_text("/runs/\n/.regbench/\n/mlflow.db*\n/retraining/\n")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/a").write_text("abc")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "all"]):
        git(tmp_path, *command)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def problems() -> list[Finding]:
    return [finding for finding in examine(JobPaths()) if not finding.well]


def write(path: str, content: str | bytes, age: float = 0) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(file, (time.time() - age, time.time() - age))
    return file


def begun(process: int) -> str:
    return json.dumps({"time": 1, "variant": "l2", "seed": 1, "epochs": 9, "process": process}) + "\n"


NOBODY = 2**22 + 1
"""No process has it: Linux's numbers end before."""


def test_nothing_is_wrong_with_a_healthy_project(project: Path) -> None:
    assert problems() == []
    assert len(list(examine(JobPaths()))) >= 8


@pytest.mark.parametrize(
    ("path", "content", "age", "what", "cure"),
    [
        ("params.yaml", "seeds: [", 0, "params.yaml: not valid YAML", "correct it"),
        ("dvc.lock", "<<<<<<< HEAD", 0, "dvc.lock: missing or unreadable", "restore it from git"),
        ("runs/a", "abcd", 0, "runs have other sizes", "dvc repro"),
        (".git/index.lock", "", 999, ".git/index.lock: there for 17 minutes", "remove it if nothing runs"),
        (".git/MERGE_HEAD", "0" * 40, 0, "git", "a merge is under way"),
        ("src/new.py", "2", 0, "are not committed (src/new.py)", "commit them"),
        (".regbench/studies.journal", '{"a": 1}\n{"b"', 0, "studies.journal: ends within a line", "cuts it off"),
        (".regbench/studies.journal", '{"a": 1}\n{"b"{"c": 1}\n', 0, "studies.journal: line 2: not JSON", "backup"),
        ("retraining/decisions.jsonl", '{"outcome"', 0, "decisions.jsonl: ends within a line", "cuts it off"),
        ("retraining/decisions.jsonl", "{}\n", 0, "decisions.jsonl: line 1: not a decision", "backup"),
        ("retraining/pending.json", "{}", 0, "pending.json: a decision was begun", "regbench retrain"),
        ("runs/.model.123.json", "", 999, ".model.123.json: left by a killed process", "remove it"),
        (".regbench/live/l2-1.jsonl", begun(NOBODY), 0, "trainings: l2-1 were killed", "dvc repro"),
        (".regbench/store/unfinished/runs-1/a", "", 999, "1 half-written entries", "remove .regbench/store/unfinished"),
        ("mlflow.db", "no database" * 99, 0, "mlflow.db: file is not a database", "backup"),
        ("reports/comparison.csv", "", 0, "mlflow.db: may lack results", "regbench sync"),
        ("requirements.txt", "numpy==1.0 \\\n", 0, "locked 1.0", "make install"),
    ],
)
def test_a_fault_is_named_with_its_cure(
    project: Path, path: str, content: str, age: float, what: str, cure: str
) -> None:
    file = write(path, content, age)
    os.utime(file.parent, (time.time() - age, time.time() - age))
    found = [finding for finding in problems() if what in finding.what or what == finding.what]
    assert [cure in finding.cure for finding in found] == [True], problems()
    assert all("\n" not in str(finding) for finding in examine(JobPaths()))


def test_outputs_that_are_gone_and_branches_that_are_none(project: Path) -> None:
    shutil.rmtree("runs")
    git(project, "switch", "--quiet", "--detach")
    assert [finding.what for finding in problems()] == ["outputs: runs missing", "git"]
    assert "no branch is checked out" in problems()[1].cure


def test_runs_that_were_left_half_logged_are_counted(project: Path) -> None:
    with sqlite3.connect("mlflow.db") as database:
        database.execute("create table experiments (experiment_id, name)")
        database.execute("create table runs (status, experiment_id)")
        database.executemany("insert into experiments values (?, ?)", [(1, "digits"), (2, "digits-live")])
        database.executemany("insert into runs values (?, ?)", [("RUNNING", 1), ("FINISHED", 1), ("RUNNING", 2)])
    (found,) = problems()
    assert found.what.endswith("mlflow.db: 1 runs are half logged") and "regbench sync" in found.cure


def test_work_under_way_is_no_problem(project: Path) -> None:
    """A lock that a process holds, a running training and its half-written entry; a fresh temporary file."""
    write(".regbench/live/l2-1.jsonl", begun(os.getpid()))
    write(".regbench/store/unfinished/runs-1/a", "", 999)
    write("runs/.model.123.json", "")
    Path("runs/a").write_text("abc")
    with holding(Path(".regbench/retrain.lock")):
        found = [str(finding) for finding in examine(JobPaths())]
        assert any("retrain.lock: held by a process" in line for line in found)
        assert problems() == []
    assert any("locks: none is held" in str(finding) for finding in examine(JobPaths()))


@contextmanager
def holding(path: Path) -> Iterator[None]:
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_full_disk_is_named(project: Path) -> None:
    with small_disk(project / "disk", 100):
        shutil.copy2(project / "params.yaml", project / "disk")
        os.chdir(project / "disk")
        fill(project / "disk")
        assert any("GB free" in finding.what and "regbench clean" in finding.cure for finding in problems())
        os.chdir(project)


def test_the_command_takes_seconds_imports_nothing_heavy_and_exits_with_0_only_if_all_is_well(project: Path) -> None:
    (project / "src").rename(project / "code")  # Else the command refuses to run with the code of another checkout.
    code = (
        "import sys\nfrom regbench.cli.main import main\nsys.argv = ['regbench', 'doctor']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print('code', end.code)\n"
        "print('imported:', *[name for name in ('torch', 'mlflow', 'optuna', 'dvc', 'pandas') if name in sys.modules])"
    )
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], env=environment(ROOT), capture_output=True, text=True)
    assert time.monotonic() - begin < 10, "a second on a machine that does nothing else"
    assert done.stderr == ""
    assert done.stdout.splitlines()[-2:] == ["code 1", "imported:"]
    assert "PROBLEM  git: code or parameters are not committed (src/code.py): commit" in done.stdout
    git(project, "commit", "-qam", "moved")
    done = subprocess.run([*REGBENCH, "doctor"], env=environment(ROOT), capture_output=True, text=True)
    assert (done.returncode, "PROBLEM" in done.stdout) == (0, False), done.stdout
