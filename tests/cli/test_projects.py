"""Commands on a real project whose pipeline has run."""

import json
import shutil
import sqlite3
import time
import urllib.request
from contextlib import closing, suppress
from typing import Any

import pytest
from support.project import REGBENCH, Project
from support.serving import free_port, started

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project whose pipeline ran; its MLflow store, which holds absolute paths, is a new one."""
    folder = tmp_path_factory.mktemp("commands") / "project"
    shutil.copytree(reproduced.folder, folder, symlinks=True)
    for path in folder.glob("mlflow.db*"):
        path.unlink()
    return Project(folder)


def test_sync_logs_each_result_once_and_show_tells_how_to_repeat_it(project: Project) -> None:
    for _ in range(2):
        project.run(*REGBENCH, "sync")
        with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
            assert store.execute("select count(*) from runs").fetchone() == (3 + 3 * 2,)
            (run,) = store.execute("select run_uuid from runs where name = 'l2 128'").fetchone()
    told = project.run(*REGBENCH, "show", run)
    assert "dvc repro train\n" in told and "Parameters: as now\n" in told
    commit = project.run("git", "rev-parse", "HEAD").strip()
    assert f"Commit: {commit}, as now\n" in told and "which runs: exec python -m stages.train tuned data " in told


@pytest.mark.parametrize(
    ("command", "table", "rows"),
    [
        (("article", "raw.zip", "--seed", "128"), "article/article", 10),
        (("ablation", "zca_affine"), "ablation/zca_affine/ablation", 6),
        (("decide", "9", "--seeds", "2"), "decide/decide", 2),
        (("learning-curve", "20", "40", "--variant", "l2"), "learning-curve/learning-curve", 4),
        (
            ("validation-curve", "baseline", "l2", "0", "1e-3"),
            "validation-curve/baseline-l2/validation-curve",
            2,
        ),
        (("label-noise", "0.2", "--variant", "l2"), "label-noise/label-noise", 6),
        (("strong-baseline", "raw.zip", "--params", "params.yaml"), "strong-baseline/strong-baseline", 3),
    ],
)
def test_protocols_print_their_table_and_reuse_what_is_trained(
    project: Project, command: tuple[str, ...], table: str, rows: int
) -> None:
    def run() -> None:
        output = project.run(*REGBENCH, *command)
        assert (project.folder / f"{table}.md").read_text() in output

    run()
    assert len((project.folder / f"{table}.csv").read_text().splitlines()) == rows + 1
    store = project.folder / ".regbench/store/runs"
    before = {path: path.stat().st_mtime_ns for path in store.rglob("result.json")}
    run()
    assert before and before == {path: path.stat().st_mtime_ns for path in store.rglob("result.json")}


def test_dashboard_shows_the_searches(project: Project) -> None:
    project.set(**{"variants.l2.l2": {"low": 1e-6, "high": 1e-2, "log": True}, "search": {"trials": 2, "top_k": 1}})
    project.run("dvc", "repro", "tune")
    port = free_port()
    with started(project, *REGBENCH, "dashboard", "--port", str(port)):
        deadline = time.monotonic() + 60
        studies: dict[str, Any] = {}
        while not studies and time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/studies", timeout=5) as page:
                studies = json.load(page)
            time.sleep(0.2)
    assert [study["study_name"].split("-")[0] for study in studies["study_summaries"]] == ["l2"]
