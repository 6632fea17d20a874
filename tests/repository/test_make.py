"""The Makefile's targets, run for real in a copy of the project with the environment that runs the tests."""

import hashlib
import re
import shutil
import subprocess
import sysconfig
import urllib.request
import venv
from pathlib import Path

import pandas as pd
import pytest
from support.project import MAKE, REGBENCH, ROOT, Project, environment
from support.serving import started

from regbench.runtime.repro import read_stages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.create(tmp_path_factory.mktemp("make") / "project")


def test_help_lists_every_target_of_the_makefile(project: Project) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    *printed, empty, more = project.run("make", "help").splitlines()
    assert sorted(line.split()[1] for line in printed) == sorted(targets[1].split())
    assert (empty, more) == ("", "All other commands: regbench --help")


def test_repro_prints_each_stage_and_the_table_once_then_does_no_work(project: Project) -> None:
    first = project.run(*MAKE, "repro")
    table = (project.folder / "reports/comparison.md").read_text()
    assert first.count(table) == 1 and "make ui" in first and "reports/comparison.html" in first
    stages = list(read_stages(project.folder / "dvc.yaml"))
    assert project.ran(first) == stages
    # What DVC says besides, and progress bars, are no use without a terminal.
    assert not re.search(r"dvc push|git add|^> |\d+%\|", first, re.MULTILINE)
    second = project.run(*MAKE, "repro")
    assert second.count(table) == 1 and project.ran(second) == ["track"]
    assert f"[6/{len(stages)}] train: up to date" in second
    # Up to a stage: nothing behind it, and no table.
    third = project.run(*REGBENCH, "run", "train")
    assert table not in third and "train: up to date" in third and "evaluate" not in third


def test_diff_compares_with_what_was_committed(project: Project) -> None:
    """Runs after `repro`."""
    assert "name a commit whose dvc.lock has results" in project.run(*REGBENCH, "diff", code=2)
    project.run("git", "add", "dvc.lock")
    project.run("git", "commit", "-qm", "results")
    assert "The same variants with the same verdicts." in project.run(*REGBENCH, "diff")
    before = pd.read_csv(project.folder / "reports/comparison.csv").set_index("variant")["test_error_percent"]
    project.set(**{"variants.l2": None, "variants.new": {"recipe": "plain", "l2": 1e-4}})
    project.run(*REGBENCH, "run", "compare")
    said = project.run(*REGBENCH, "diff", "HEAD")
    assert said.startswith("Added: new; removed: l2.") and re.search(rf"^\| l2 +\| +{before['l2']:.2f} \| ", said, re.M)


def test_a_mistake_in_the_structure_is_one_line_of_ours(project: Project) -> None:
    shipped = (project.folder / "params.yaml").read_text()
    try:
        project.set(data="raw.zip")
        output = project.run(*MAKE, "repro", code=2)
        (line,) = [line for line in output.splitlines() if line.startswith("params.yaml: ")]
        assert line.startswith("params.yaml: data = 'raw.zip': must hold keys with values; its keys are raw, ")
        assert "dvc" not in output
    finally:
        (project.folder / "params.yaml").write_text(shipped)


def test_ui_logs_missing_results_prints_the_address_and_stops_on_interrupt(project: Project) -> None:
    """Runs after `repro`, whose results are logged again to a new database."""
    for database in project.folder.glob("mlflow.db*"):
        database.unlink()
    with started(project, *MAKE, "ui", "PORT=5099") as process:
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


def plan(folder: Path) -> str:
    """Return what `make install` would do in a folder that has a lock file."""
    command = ["make", "-n", "-f", str(ROOT / "Makefile"), "install", f"VENV={folder / 'venv'}"]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)
    return done.stdout


def test_the_packages_are_installed_again_only_for_another_lock_file(tmp_path: Path) -> None:
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text("")
    assert "--require-hashes" in plan(tmp_path) and "--editable ." in plan(tmp_path)
    stamp = hashlib.sha256((tmp_path / "requirements.txt").read_bytes()).hexdigest()[:16]
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / f".lock-{stamp}").touch()
    assert "--require-hashes" not in plan(tmp_path) and "--editable ." in plan(tmp_path)
    (tmp_path / "requirements.txt").write_text("changed")
    assert "--require-hashes" in plan(tmp_path)


def small_environment(folder: Path) -> Path:
    """Create an environment that borrows the packages of this one, as if the locked ones had been installed."""
    venv.create(folder, with_pip=True)
    # Python's own setuptools is too old; the lock file has a new one, and so has this environment.
    subprocess.run([folder / "bin/python", "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools"], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    stamp = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()[:16]
    (folder / f".lock-{stamp}").touch()
    return folder


def test_install_points_the_environment_to_the_checkout_that_asked_last(tmp_path: Path) -> None:
    place = small_environment(tmp_path / "venv")
    clones = [tmp_path / "one", tmp_path / "two"]
    for clone in clones:
        for name in ("src", "stages"):
            shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
        for name in ("Makefile", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
            shutil.copy2(ROOT / name, clone / name)

    def run(clone: Path, *command: str) -> "subprocess.CompletedProcess[str]":
        variables = environment(clone) | {"PIP_NO_INDEX": "1"}
        del variables["PYTHONPATH"]
        return subprocess.run(command, cwd=clone, env=variables, capture_output=True, text=True, timeout=120)

    for clone in (*clones, clones[0]):
        assert (done := run(clone, "make", "install", f"VENV={place}")).returncode == 0, done.stderr
        (record,) = place.glob(".checkout-*")
        assert record.read_text() == f"{clone}\n"
        written = record.stat().st_mtime_ns
        assert run(clone, "make", "install", f"VENV={place}").stdout == "make: Nothing to be done for 'install'.\n"
        assert record.stat().st_mtime_ns == written
        assert "learning-curve" in run(clone, str(place / "bin/regbench"), "--help").stdout
        assert run(clone, str(place / "bin/python"), "-m", "stages.sample", "--help").returncode == 0
    one, two = clones
    told = (
        f"regbench is imported from {one}/src/regbench, not from {two}/src/regbench: run `make install` in this "
        "folder, which points the environment to it, or set PYTHONPATH=src\n"
    )
    for command in ([str(place / "bin/regbench"), "sync"], [str(place / "bin/python"), "-m", "stages.sample", "out"]):
        done = run(two, *command)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", told)
