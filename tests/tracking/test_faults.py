"""Tracking through kills, rivals, and servers that are down or misbehave."""

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from support.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from support.serving import free_port
from support.tracking_project import write_project
from support.tracking_store import (
    RUNS,
    STAGE,
    SYNC,
    assert_complete,
    contents,
    environ,
    experiment,
    stage,
    track,
)

from regbench.errors import TrackingError
from regbench.files import write_csv
from regbench.tracking.receipt import Receipt
from regbench.tracking.server import serve
from regbench.tracking.store import Store, find_store

pytestmark = [pytest.mark.slow, pytest.mark.fault]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with serve(find_store(folder, {}), free_port()) as address:
        yield address


@pytest.fixture
def proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    with faulty_proxy(server) as running:
        yield running


def on_server(folder: Path, address: str) -> Store:
    """Give each test an experiment of its own on the shared server."""
    write_project(folder, experiment=folder.name)
    return replace(find_store(folder, {}), uri=address)


def _kill_in_the_middle(project: Path) -> None:
    """Kill the stage while it logs the second run."""
    process = subprocess.Popen(STAGE, cwd=project, env=environ(), stderr=subprocess.DEVNULL)
    try:
        # The files are watched, not the database: readers in a loop would hold up the writer.
        while len(list((project / "mlartifacts").rglob("MLmodel"))) < 2:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert _states(project) == ["FINISHED", "RUNNING"]


def _states(project: Path) -> list[str]:
    with closing(sqlite3.connect(project / "mlflow.db")) as connection:
        return [state for (state,) in connection.execute("select status from runs order by rowid")]


def test_kill_in_the_middle_then_again(project: Path) -> None:
    _kill_in_the_middle(project)
    track(project)
    assert_complete(MlflowClient(find_store(project, {}).uri))


def test_kill_in_the_middle_then_other_results(project: Path) -> None:
    """The half-logged run cannot be completed: it is marked as killed, until its results are there again."""
    _kill_in_the_middle(project)
    write_project(project, seeds=(3, 4))
    track(project)
    assert Counter(_states(project)) == {"FINISHED": 1 + RUNS, "KILLED": 1}
    assert Receipt.read(find_store(project, {})).begun == {}
    write_project(project)
    track(project)
    assert Counter(_states(project)) == {"FINISHED": 2 * RUNS}


def test_two_at_once_on_a_fresh_database(project: Path) -> None:
    both = [subprocess.Popen(SYNC, cwd=project, env=environ()) for _ in range(2)]
    assert [process.wait(300) for process in both] == [0, 0]
    assert_complete(MlflowClient(find_store(project, {}).uri))


def test_server_down_does_not_fail_the_pipeline(project: Path) -> None:
    address = f"http://user:secret@127.0.0.1:{free_port()}"
    done = stage(project, MLFLOW_TRACKING_URI=address)
    assert done.returncode == 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{RUNS} runs not logged yet: {address.replace('user:secret@', '')}: ")
    assert lines[0].endswith("run `regbench sync` when it is back")
    assert "secret" not in done.stderr + done.stdout
    assert stage(project, SYNC, MLFLOW_TRACKING_URI=address).returncode == 4


def test_a_server_that_breaks_off_is_asked_a_few_times(
    project: Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for minutes, as MLflow would."""
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    proxy.set("reset")
    assert stage(project, SYNC, MLFLOW_TRACKING_URI=proxy.address).returncode == 4
    assert 1 < proxy.requests <= 5


def test_server_instead_of_a_database(tmp_path: Path, server: str) -> None:
    store = on_server(tmp_path, server)
    track(tmp_path, store)
    client = MlflowClient(server)
    assert_complete(client, tmp_path.name)
    assert experiment(client, tmp_path.name).artifact_location.startswith("mlflow-artifacts:/")
    assert not (tmp_path / "mlartifacts").exists()


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ("500", "runs/create"),
        ("500", "mlflow-artifacts"),
        ("reset", "log-batch"),
        ("slow", "runs/create"),
        ("500", "runs/outputs"),
        ("500", "runs/update"),
    ],
)
def test_fault_in_the_middle_is_told_and_mended(
    tmp_path: Path, server: str, proxy: FaultyProxy, fault: Fault, where: str
) -> None:
    store = on_server(tmp_path, proxy.address)
    proxy.set(fault, where)
    with pytest.raises(TrackingError, match=f"{RUNS} runs not logged yet: {proxy.address}: .*run `regbench sync`"):
        track(tmp_path, store)
    proxy.set("ok")
    track(tmp_path, store)
    assert_complete(MlflowClient(server), tmp_path.name)


@pytest.mark.parametrize(
    "where", ["experiments/create", "runs/create", "logged-models", "log-batch", "runs/outputs", "runs/update"]
)
def test_lost_reply_makes_no_copy(tmp_path: Path, server: str, proxy: FaultyProxy, where: str) -> None:
    store = on_server(tmp_path, proxy.address)
    proxy.set("lost", where, times=3)
    # Three lost replies are one more than the client bears: the first call gives up, the next one finds its work.
    for _ in range(4):
        try:
            track(tmp_path, store)
            break
        except TrackingError:
            continue
    assert proxy.left == 0
    assert_complete(MlflowClient(server), tmp_path.name)


def test_half_done_is_counted(tmp_path: Path, server: str, proxy: FaultyProxy) -> None:
    store = on_server(tmp_path, proxy.address)
    track(tmp_path, store)
    scores = pd.read_csv(tmp_path / "evaluation/l2/scores.csv")
    write_csv(tmp_path / "evaluation/l2/scores.csv", scores.assign(log_loss=0.4))
    proxy.set("500")
    # The variant's run and its two seeds are new.
    with pytest.raises(TrackingError, match=r"^3 runs not logged yet"):
        track(tmp_path, store)


def test_a_database_that_somebody_holds_for_some_seconds_is_waited_for(project: Path) -> None:
    track(project)
    change_results(project)
    with writing(project, seconds=6):
        done = stage(project, SYNC)
    assert done.returncode == 0, done.stderr
    assert_logged_once(project)


def test_a_database_that_somebody_holds_for_ever_fails_no_pipeline(project: Path) -> None:
    """And not before long, with one line that says what to do."""
    track(project)
    change_results(project)
    begin = time.monotonic()
    with writing(project, seconds=300):
        done = stage(project)
        assert time.monotonic() - begin < 200
    (line,) = [line for line in done.stderr.splitlines() if "not logged yet" in line]
    assert done.returncode == 0 and "locked" in line and line.endswith("run `regbench sync` when it is back")
    assert stage(project, SYNC).returncode == 0
    assert_logged_once(project)


def change_results(project: Path) -> None:
    scores = pd.read_csv(project / "evaluation/l2/scores.csv")
    write_csv(project / "evaluation/l2/scores.csv", scores.assign(log_loss=0.4))


def assert_logged_once(project: Path) -> None:
    """The new results are there beside the earlier ones, and each run once."""
    runs = contents(find_store(project, {}))
    assert {status for _, status, *_ in runs.values()} == {"FINISHED"}
    assert len(runs) == RUNS + 3


@contextmanager
def writing(project: Path, seconds: float) -> Iterator[None]:
    """Hold the database's only write transaction in another process, for some seconds at most."""
    script = (
        "import sqlite3, sys, time; c = sqlite3.connect('mlflow.db', isolation_level=None); "
        f"c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); time.sleep({seconds})"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], cwd=project, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        yield
    finally:
        holder.kill()
        holder.wait()
