"""Searches in the real pipeline: what is searched again after which change, and what MLflow holds of it."""

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from support.project import Project

pytestmark = pytest.mark.slow
RANGE = {"low": 1e-6, "high": 1e-2, "log": True}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one search whose pipeline ran once; tests copy it."""
    project = Project.create(tmp_path_factory.mktemp("searched") / "project")
    project.set(**{"variants.l2.l2": RANGE, "search": {"trials": 3, "top_k": 1}})
    assert {"tune", "train", "track"} <= set(Project.ran(project.run("dvc", "repro")))
    return project


@pytest.fixture
def project(searched: Project, tmp_path: Path) -> Project:
    shutil.copytree(searched.folder, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")


def runs(project: Project) -> Counter[str]:
    """Return the number of runs of each experiment."""
    query = "select e.name, count(*) from runs r join experiments e using (experiment_id) group by e.name"
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        return Counter(dict(store.execute(query).fetchall()))


def test_a_range_is_searched_once_and_a_changed_one_alone_again(project: Project) -> None:
    resolved = json.loads((project.folder / "tuned/l2.json").read_text())
    assert 1e-6 <= resolved["l2"] <= 1e-2
    assert project.repro() == []
    table = project.folder / "studies/l2/trials.csv"
    tried, written = table.read_text(), table.stat().st_mtime_ns
    project.set(**{"variants.zca_affine.dropout": {"low": 0.1, "high": 0.5}})
    output = project.run("dvc", "repro", "compare")
    assert {"tune", "train"} <= set(project.ran(output)) and "augment" not in project.ran(output)
    assert "tune: 2 studies needed, 1 found, 1 to search" in output
    assert "train: 6 runs needed, 4 of 6 different ones found, 2 to train" in output
    assert (table.read_text(), table.stat().st_mtime_ns) == (tried, written)
    project.set(**{"variants.l2.l2": {"low": 2, "high": 1}})
    message = "params.yaml: variants.l2.l2.low = 2: must be below high = 1"
    assert message in project.run("dvc", "repro", code=1)


def test_more_trials_go_on_and_mlflow_holds_both_studies(project: Project) -> None:
    assert runs(project) == {"regbench": 3, "regbench-seeds": 6, "regbench-search": 1 + 3}
    few = pd.read_csv(project.folder / "studies/l2/timings.csv")
    output = project.run("dvc", "exp", "run", "-S", "search.trials=5")
    assert {"tune", "track"} <= set(project.ran(output))
    more = pd.read_csv(project.folder / "studies/l2/timings.csv")
    assert len(more) == 5 and more.iloc[:3].equals(few), "equal seconds: they were not run again"
    assert runs(project)["regbench-search"] == 1 + 3 + 1 + 5
    project.run("dvc", "repro")
    assert runs(project)["regbench-search"] == 1 + 3 + 1 + 5
