"""A real training, watched in a real store while it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from support.disks import fill, small_disk
from support.project import REGBENCH, Project, environment
from support.tracking_store import experiment, runs_of, track

from regbench.engine.live import live_file, report_live
from regbench.errors import DivergedError
from regbench.tracking.live_runs import Watcher, read_training
from regbench.tracking.store import find_store
from regbench.training.history import EpochRecord

TRAIN = ["stages.train", "tuned", "data", "augmented", "runs", "timings"]
LIVE = ".regbench/live"
RECORD = EpochRecord(**{name: 0.5 for name in EpochRecord.__dataclass_fields__} | {"epoch": 0})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project just before its first training."""
    project = Project.create(tmp_path_factory.mktemp("live") / "project")
    alone = {"recipes": {"plain": {}}, "variants": {"baseline": {"recipe": "plain"}}, "seeds": [128]}
    project.set(**alone, **{"train.epochs": 5000, "compute.workers": 1, "compute.checkpoint_epochs": 0})
    for stage in (
        ["ingest", "data"],
        ["augment", "data", "augmented"],
        ["tune", "data", "augmented", "tuned", "studies", ".regbench/studies.journal"],
    ):
        project.run(sys.executable, "-m", f"stages.{stage[0]}", *stage[1:])
    return project


def watcher(project: Project) -> Watcher:
    store = find_store(project.folder, {})
    return Watcher(MlflowClient(store.uri), store, "digits", project.folder / LIVE)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def live_run(looking: Watcher) -> Run:
    """Return the run of the latest training."""
    found = experiment(looking.client, "digits-live").experiment_id
    return looking.client.search_runs([found], order_by=["attributes.start_time DESC"])[0]


def steps(looking: Watcher) -> list[int]:
    history = looking.client.get_metric_history(live_run(looking).info.run_id, "validation/error_pct")
    return [point.step for point in history]


@pytest.mark.fault
@pytest.mark.slow
def test_a_training_is_seen_while_it_goes_on_and_after_a_kill(project: Project) -> None:
    looking = watcher(project)
    process = subprocess.Popen([sys.executable, "-m", *TRAIN], cwd=project.folder, env=environment(project.folder))
    try:
        until(lambda: looking.look() == 1 and len(steps(looking)) >= 3)
        first = steps(looking)
        assert live_run(looking).info.status == "RUNNING"
        assert live_run(looking).data.params == {"variant": "baseline", "seed": "128", "epochs": "5000"}
        until(lambda: looking.look() == 1 and len(steps(looking)) > len(first))
        assert process.poll() is None, "the training ended before it was watched"
    finally:
        process.kill()
        process.wait()
    until(lambda: looking.look() == 0)
    assert live_run(looking).info.status == "KILLED"
    # Another watcher, from anew: nothing is doubled.
    before = steps(looking)
    assert watcher(project).look() == 0
    assert steps(looking) == before == list(range(len(before)))


@pytest.mark.slow
def test_the_next_training_is_another_run_and_ends_as_it_did(project: Project) -> None:
    project.set(**{"train.epochs": 4})
    project.run(sys.executable, "-m", *TRAIN)
    looking = watcher(project)
    assert looking.look() == 0
    assert live_run(looking).info.status == "FINISHED" and steps(looking) == [0, 1, 2, 3]
    history = (project.folder / "runs/baseline/seed-128/history.csv").read_text().splitlines()
    assert len(history) == 1 + 4
    # Once the final runs are there, those of ended trainings go, and their files.
    looking.forget()
    assert runs_of(looking.client, "digits-live") == {}
    assert list((project.folder / LIVE).iterdir()) == []


def test_the_watching_command_needs_no_training_and_ends_on_interrupt(project: Project) -> None:
    client = watcher(project).client  # first, since this process makes a new database without the command's lock
    command = [*REGBENCH, "watch", "--live", LIVE, "--seconds", "0.1"]
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=environment(project.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A suite that a script started in the background ignores the interrupt, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert "running trainings are in the experiment regbench-live" in process.stdout.readline()
    with report_live(live_file(project.folder / LIVE, "l2", 7), "l2", 7, 1) as show:
        show(RECORD)
    until(
        lambda: (
            client.get_experiment_by_name("regbench-live") is not None and "l2 7" in runs_of(client, "regbench-live")
        )
    )
    until(lambda: runs_of(client, "regbench-live")["l2 7"].info.status == "FINISHED")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130


def test_sync_forgets_only_what_ended(tmp_path: Path) -> None:
    from support.tracking_project import write_project

    write_project(tmp_path)
    store = find_store(tmp_path, {})
    looking = Watcher(MlflowClient(store.uri), store, "digits", tmp_path / LIVE)
    with (
        report_live(live_file(tmp_path / LIVE, "baseline", 1), "baseline", 1, 2) as show,
        report_live(live_file(tmp_path / LIVE, "l2", 1), "l2", 1, 2),
    ):
        show(RECORD)
        with report_live(live_file(tmp_path / LIVE, "l2", 2), "l2", 2, 2):
            pass
        assert looking.look() == 2
        track(tmp_path)
        assert set(runs_of(looking.client, "digits-live")) == {"baseline 1", "l2 1"}
        assert sorted(path.name for path in (tmp_path / LIVE).iterdir()) == ["baseline-1.jsonl", "l2-1.jsonl"]


def test_a_file_tells_how_a_training_ended(tmp_path: Path) -> None:
    path = tmp_path / "l2-1.jsonl"
    with pytest.raises(DivergedError, match="away"), report_live(live_file(tmp_path, "l2", 1), "l2", 1, 5) as show:
        show(RECORD)
        running = read_training(path)
        raise DivergedError("away")
    assert running is not None and running.status == "RUNNING" and len(running.epochs) == 1
    failed = read_training(path)
    assert failed is not None and failed.status == "FAILED" and failed.name == "l2 1"
    # A line that is being written counts for nothing yet.
    path.write_text(json.dumps({"variant": "l2", "seed": 1, "time": 1, "process": os.getpid()}) + '\n{"epo')
    begun = read_training(path)
    assert begun is not None and list(begun.epochs) == []
    path.write_text("{")
    assert read_training(path) is None and read_training(tmp_path / "none") is None


@pytest.mark.fault
def test_a_folder_that_cannot_be_written_stops_no_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with report_live(live_file(tmp_path / "file", "l2", 1), "l2", 1, 5) as show:
        show(RECORD)
    with report_live(None, "l2", 1, 5) as show:
        show(RECORD)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.fault
def test_an_epoch_that_a_full_disk_tore_hides_no_later_one(tmp_path: Path) -> None:
    """The training goes on without the line, and what is written later is read."""
    with small_disk(tmp_path / "disk", 64):
        path = live_file(tmp_path / "disk", "l2", 1)
        with report_live(path, "l2", 1, 3) as show:
            show(RECORD)
            filler = fill(tmp_path / "disk", leave=0)
            for _ in range(40):  # Until the file's own last block is full too.
                show(RECORD)
            filler.unlink()
            torn = path.read_bytes()
            show(RECORD)
        assert is_torn_text(torn)
        found = read_training(path)
        assert found is not None and found.status == "FINISHED" and 2 <= len(found.epochs) < 42


def is_torn_text(content: bytes) -> bool:
    return not content.endswith(b"\n")
