"""`kill -9` at random moments of the job: the registry has one champion at every moment, and the next job completes.

REGBENCH_KILLS=20 kills as often as the issue asks; each costs a job and a half.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.project import Project, environment
from tests.retraining_project import (
    JOB,
    NOTHING_NEW,
    PROMOTED,
    champions,
    create,
    decision_runs,
    digits,
    ends,
    job,
    pending,
    records,
    versions,
    write_rows,
)

KILLS = int(os.environ.get("REGBENCH_KILLS", "4"))
STATE = ("mlflow.db", "mlartifacts", ".regbench", "retraining")
PIPELINE = ("data", "augmented", "tuned", "studies", "runs", "timings", "evaluation", "metrics", "reports", "dvc.lock")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with a champion, and new data that will make another."""
    made = create(tmp_path_factory.mktemp("kills") / "project", digits(300))
    ends(made, PROMOTED)
    write_rows(made.folder / "raw.zip", digits(1500))
    return made


def save(project: Project, names: tuple[str, ...], to: Path) -> None:
    for name in names:
        source, target = project.folder / name, to / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)


def restore(project: Project, names: tuple[str, ...], saved: Path) -> None:
    for name in names:
        target = project.folder / name
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    save(Project(saved), names, project.folder)


def kill_after(project: Project, seconds: float) -> bool:
    """Start the job, and kill it alone; return whether it was still under way. Its children must die by themselves."""
    process = subprocess.Popen(
        JOB, cwd=project.folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def still_running(project: Project) -> list[str]:
    """Return the processes that work in the project."""
    found = []
    for process in psutil.process_iter(["cwd", "cmdline", "status"]):
        if process.info["cwd"] == str(project.folder) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(process.info["cmdline"] or []))
    return found


def assert_children_die(project: Project) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and still_running(project):
        time.sleep(0.05)
    assert still_running(project) == []


def assert_one_of_each(project: Project) -> None:
    """The champion is what the log says, versions and runs of decisions are there once, nothing is left half done."""
    made = records(project)
    last = next(record.in_use for record in reversed(made) if record.in_use)
    assert champions(project) == [int(last.version)] == [2]
    assert [record.outcome for record in made] == ["promoted", "promoted"]
    assert set(versions(project)) == {1, 2} and pending(project) is None
    assert sorted(run["decision"] for run in decision_runs(project)) == sorted(record.key for record in made)
    assert (project.folder / "retraining/decisions.html").read_text().count("<article") == 2


def test_killed_while_dvc_works_its_children_die_and_the_next_job_completes(project: Project, tmp_path: Path) -> None:
    save(project, (*STATE, *PIPELINE), tmp_path)
    moments = random.Random(2)
    killed = 0
    for _ in range(max(1, KILLS // 4)):
        killed += kill_after(project, moments.uniform(3, 25))
        assert_children_die(project)
        assert len(champions(project)) == 1
    done = job(project)
    assert done.returncode in (PROMOTED, NOTHING_NEW), done.stdout + done.stderr
    assert_one_of_each(project)
    assert killed
    restore(project, STATE, tmp_path)


def test_killed_while_the_registry_changes_there_is_one_champion_and_the_next_job_completes(
    project: Project, tmp_path: Path
) -> None:
    """The pipeline is done, so that the moments fall where versions, alias, log and page are written."""
    save(project, STATE, tmp_path)
    begin = time.monotonic()
    ends(project, PROMOTED)
    whole = time.monotonic() - begin
    assert_one_of_each(project)
    moments, seen = random.Random(1), []
    for _ in range(KILLS - max(1, KILLS // 4)):
        restore(project, STATE, tmp_path)
        kill_after(project, moments.uniform(0.3 * whole, whole))
        seen.append((champions(project), len(records(project)), pending(project) is not None))
        assert champions(project) in ([1], [2])
        done = job(project)
        assert done.returncode in (PROMOTED, NOTHING_NEW), done.stdout + done.stderr
        assert_one_of_each(project)
    print("champion, decisions, pending at each kill:", *seen, sep="\n")
