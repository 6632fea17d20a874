"""The Makefile's targets, run for real in a copy of the project with the environment that runs the tests."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support.project import ROOT, Project, environment


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.create(tmp_path_factory.mktemp("make") / "project")


def test_help_lists_every_target_of_the_makefile(project: Project) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    printed = project.run("make", "help")
    assert {line.split()[1] for line in printed.splitlines()} == set(targets[1].split())


def test_repro_prints_the_table_and_where_to_look_then_does_no_work(project: Project) -> None:
    first = project.run("make", "repro", f"VENV={sys.prefix}")
    table = (project.folder / "reports/comparison.md").read_text()
    assert table in first and "make ui" in first and "reports/comparison.html" in first
    second = project.run("make", "repro", f"VENV={sys.prefix}")
    assert table in second and project.ran(second) == ["track"]


def test_sync_leaves_each_result_logged_once(project: Project) -> None:
    """After `make repro` there is nothing to add: a run a variant, and one a variant and seed."""
    project.run("make", "sync", f"VENV={sys.prefix}")
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        assert store.execute("select count(*) from runs").fetchone() == (3 + 3 * 2,)
        (run,) = store.execute("select run_uuid from runs where name = 'l2 128'").fetchone()
    told = project.run("make", "show", f"RUN={run}", f"VENV={sys.prefix}")
    assert "dvc repro train@l2\n" in told and "Parameters: as now\n" in told
    commit = project.run("git", "rev-parse", "HEAD").strip()
    assert f"Commit: {commit}, as now\n" in told and "which runs: python -m stages.train l2 " in told


@pytest.mark.parametrize(
    ("command", "table", "rows"),
    [
        (("article", "RAW=raw.zip", "SEEDS=128"), "article/article", 10),
        (("interactions", "VARIANT=zca_affine"), "interactions/zca_affine/interactions", 6),
        (("sizes", "SIZES=20 40", "VARIANTS=l2"), "sizes/sizes", 4),
        (("yardstick", "RAW=raw.zip", "PRESET=params.yaml"), "yardstick/yardstick", 3),
    ],
)
def test_studies_beside_the_pipeline_print_their_table_and_go_on_where_they_were(
    project: Project, command: tuple[str, ...], table: str, rows: int
) -> None:
    def run() -> None:
        output = project.run("make", *command, f"VENV={sys.prefix}")
        assert (project.folder / f"{table}.md").read_text() in output

    project.repro("ingest")
    run()
    assert len((project.folder / f"{table}.csv").read_text().splitlines()) == rows + 1
    trained = project.folder / Path(table).parent
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("result.json")}
    run()
    assert before and before == {path: path.stat().st_mtime_ns for path in trained.rglob("result.json")}


@pytest.mark.parametrize("target", ["article", "interactions", "yardstick"])
def test_a_study_says_what_it_needs(project: Project, target: str) -> None:
    assert f"make {target}: needs " in project.run("make", target, f"VENV={sys.prefix}", code=2)


@contextmanager
def started(project: Project, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a make target that serves until it is interrupted; interrupt it, and wait for its end."""
    process = subprocess.Popen(
        ["make", *command, f"VENV={sys.prefix}"],
        cwd=project.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)


def test_ui_prints_the_address_of_the_comparison_and_stops_on_interrupt(project: Project) -> None:
    with started(project, "ui", "PORT=5099") as process:
        assert process.stdout is not None
        seen = ""
        while "compareRunsMode=CHART" not in seen:
            line = process.stdout.readline()
            assert line, seen
            seen += line
        address = re.search(r"http://127\.0\.0\.1:5099\S+", seen)
        assert address is not None
        with urllib.request.urlopen(address[0].split("#")[0], timeout=20) as page:
            assert page.status == 200


def test_dashboard_shows_the_studies(project: Project) -> None:
    project.set(**{"variants.l2.l2": {"low": 1e-6, "high": 1e-2, "log": True}, "search": {"trials": 2, "top_k": 1}})
    project.run("dvc", "repro", "tune@l2")
    with started(project, "dashboard", "DASHBOARD_PORT=8097"):
        deadline = time.monotonic() + 60
        studies: dict[str, Any] = {}
        while not studies and time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen("http://127.0.0.1:8097/api/studies", timeout=5) as page:
                studies = json.load(page)
            time.sleep(0.2)
    assert [study["study_name"].split("-")[0] for study in studies["study_summaries"]] == ["l2"]


def test_the_environment_is_reused_only_for_the_same_lock_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")

    def planned() -> str:
        command = ["make", "-n", "-f", str(ROOT / "Makefile"), "install", f"VENV={tmp_path / 'venv'}"]
        return subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
        ).stdout

    assert "pip install" in planned()
    stamp = hashlib.sha256((tmp_path / "requirements.txt").read_bytes()).hexdigest()[:16]
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / f".lock-{stamp}").touch()
    assert "pip install" not in planned()
    (tmp_path / "requirements.txt").write_text("changed")
    assert "pip install" in planned()
