"""From a logged run back to its commit, data and parameters."""

import shutil
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from support.git import git
from support.project import REGBENCH
from support.tracking_project import write_project
from support.tracking_store import environ, runs_of, track

from regbench.config.checking import load_params
from regbench.errors import TrackingError
from regbench.tracking.lookup import read_run
from regbench.tracking.reproduction import LoggedRun, describe
from regbench.tracking.store import find_store

LOCK = """
schema: '2.0'
stages:
  train:
    cmd: python -m stages.train tuned data augmented runs timings
    outs:
    - path: runs
"""
IGNORED = "mlflow.db*\nmlartifacts\n.regbench\ndata\ntuned\nstudies\nruns\ntimings\nevaluation\nreports\n"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LoggedRun]:
    """A project under git after tracking; tests change copies."""
    folder = tmp_path_factory.mktemp("reproduction") / "project"
    folder.mkdir()
    write_project(folder)
    (folder / "dvc.lock").write_text(LOCK)
    (folder / ".gitignore").write_text(IGNORED)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "all")
    track(folder)
    store = find_store(folder, {})
    run = runs_of(MlflowClient(store.uri), "digits-seeds")["l2 1"]
    return folder, read_run(store, run.info.run_id)


def described(run: LoggedRun, folder: Path) -> list[str]:
    return describe(run, load_params(folder / "params.yaml"), folder).splitlines()


def test_nothing_changed_and_the_way_back_is_told(logged: tuple[Path, LoggedRun]) -> None:
    folder, run = logged
    commit = git(folder, "rev-parse", "HEAD")
    lines = described(run, folder)
    assert lines[0] == f"l2 1, MLflow run {run.run_id}"
    assert f"  git checkout {commit}" in lines and "  dvc repro train" in lines
    assert "which runs: python -m stages.train tuned data augmented runs timings" in lines
    assert f"Commit: {commit}, as now" in lines
    assert "Data: data/sample.zip dddddddddddd, as now" in lines
    assert "Processor: Sample CPU, now " in "\n".join(lines)
    assert "Parameters: as now" in lines
    assert not any("not committed" in line for line in lines)


def test_what_changed_is_named(logged: tuple[Path, LoggedRun], tmp_path: Path) -> None:
    original, run = logged
    folder = tmp_path / "copy"
    shutil.copytree(original, folder)
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("epochs: 3", "epochs: 4").replace("l2: 0.1}", "l2: 0.2}"))
    (folder / "dvc.lock").write_text(LOCK.replace("runs timings", "runs elsewhere"))
    git(folder, "commit", "--quiet", "--all", "--message", "more")
    (folder / "data/report/report.json").write_text('{"data_hash": "' + "e" * 64 + '"}')
    lines = described(run, folder)
    assert lines[-3:] == ["Parameters that differ now:", "  l2: 0.1, now 0.2", "  train.epochs: 3, now 4"]
    assert "Data: data/sample.zip dddddddddddd, now eeeeeeeeeeee" in lines
    now = git(folder, "rev-parse", "HEAD")[:12]
    assert any(line.startswith("Commit: ") and line.endswith(f", now {now}") for line in lines)
    assert any(line.startswith("Entry in dvc.lock: ") and ", now " in line for line in lines)


def test_a_variant_that_is_gone_is_told(logged: tuple[Path, LoggedRun], tmp_path: Path) -> None:
    write_project(tmp_path, ("baseline",))
    assert described(logged[1], tmp_path)[-1] == "Parameters: there is no variants.l2 now"


def test_uncommitted_changes_are_told(logged: tuple[Path, LoggedRun], tmp_path: Path) -> None:
    original, run = logged
    folder = tmp_path / "copy"
    shutil.copytree(original, folder)
    dirty = LoggedRun(run.run_id, run.name, {**run.tags, "git_dirty": "true", "git_diff": "f" * 64}, run.params)
    told = "Code or parameters had changes that were not committed (ffffffffffff): "
    assert f"{told}the commit alone does not give this run" in described(dirty, folder)


def test_a_run_that_no_stage_made_is_told(logged: tuple[Path, LoggedRun]) -> None:
    folder, run = logged
    kept = {name: value for name, value in run.tags.items() if name in ("git_commit", "data_hash")}
    decision = LoggedRun("3f", "2 kept", {**kept, "mlflow.source.name": "regbench retrain"}, {"data.raw": "raw"})
    commit = git(folder, "rev-parse", "HEAD")
    assert described(decision, folder) == [
        "2 kept, MLflow run 3f",
        "",
        "Made by regbench retrain, not by a stage of the pipeline: it cannot be run again.",
        f"Commit: {commit}, as now",
        "Data: raw dddddddddddd, as now",
    ]


def test_the_stage_prints_it_and_an_unknown_run_is_one_line(logged: tuple[Path, LoggedRun]) -> None:
    folder, run = logged

    def show(run_id: str) -> "subprocess.CompletedProcess[str]":
        command = [*REGBENCH, "show", run_id]
        return subprocess.run(command, cwd=folder, env=environ(), capture_output=True, text=True, timeout=120)

    done = show(run.run_id)
    assert done.returncode == 0 and done.stdout.splitlines() == described(run, folder)
    with pytest.raises(TrackingError, match=r"mlflow.db: run 'none': .*none"):
        read_run(find_store(folder, {}), "none")
