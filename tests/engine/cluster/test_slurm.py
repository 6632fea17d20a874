"""A real Slurm on this machine: the bytes of this process, whatever is cancelled, killed or preempted meanwhile."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest
from support.cluster_training import EPOCHS, Reference, Training, long_params
from support.hosts import wait_until
from support.slurm import Slurm, slurm
from support.small_engine import runs, train_all, write_data
from support.small_study import small_params, trained

from regbench.engine.cluster import slurm_jobs
from regbench.engine.cluster.parcel import ClusterError
from regbench.engine.run import Engine, open_engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(data, tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with slurm() as running:
        yield running


@pytest.fixture
def head(data: Path, tmp_path: Path) -> Path:
    shutil.copytree(data, tmp_path / "head/data")
    return tmp_path / "head"


def engine_on(head: Path, **slurm: object) -> AbstractContextManager[Engine]:
    settings = {"device": "cpu", "executor": "slurm", "slurm": slurm}
    return open_engine(type(small_params().compute).model_validate(settings), head / "store")


def tasks_of(head: Path) -> dict[str, int]:
    """Return the process of each task that trains, by its job's id: those that Python runs, not their shells."""
    found = {}
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = process.info["cmdline"] or []
        if "submitit.core._submit" in command and str(head) in command[-1] and "python" in command[0]:
            found[(process.info["environ"] or {})["SLURM_JOB_ID"]] = process.pid
    return found


def test_tasks_of_an_array_give_the_same_bytes(running: Slurm, head: Path, expected: Reference) -> None:
    params = small_params()
    shown: set[str] = set()
    training = Training(lambda: engine_on(head, trainings=2), head, params)
    while training.is_alive():
        shown |= set(running.squeue("%j"))
        training.join(0.2)
    training.finish()
    assert runs(head / "store") == expected(params)
    assert {"regbench"} < shown, "tasks that run have the names of variant and seed"
    assert shown - {"regbench"} <= {f"{variant} seed {seed}" for variant in params.variants for seed in params.seeds}
    assert list((head / "slurm").iterdir()) == [] == list(head.glob("store/.home-*"))
    for _ in wait_until("jobs are left"):
        if running.squeue("%i") == []:
            break


@pytest.mark.fault
def test_a_cancelled_task_and_a_killed_one_are_done_again(running: Slurm, head: Path, expected: Reference) -> None:
    training = Training(lambda: engine_on(head, trainings=2), head, long_params())
    training.wait_for_epochs(EPOCHS)
    finished = trained(head / "store")
    cancelled, killed, *_ = sorted(tasks_of(head).items())
    subprocess.run(["scancel", cancelled[0]], check=True)
    os.kill(killed[1], signal.SIGKILL)
    training.finish()
    assert runs(head / "store") == expected(training.params)
    assert finished.items() <= trained(head / "store").items()


@pytest.mark.fault
def test_a_preempted_task_is_queued_again(running: Slurm, head: Path, expected: Reference) -> None:
    training = Training(lambda: engine_on(head, partition="low", trainings=4), head, long_params())
    training.wait_for_epochs(EPOCHS // 2)
    first, arrays = set(tasks_of(head)), running.arrays()
    hostile = ["sbatch", "--partition=high", "--ntasks=2", "--output=/dev/null", "--wrap=sleep 3"]
    subprocess.run(hostile, check=True, stdout=subprocess.DEVNULL)
    for _ in wait_until("nothing was preempted"):
        if not set(tasks_of(head)) & first:
            break
    assert running.arrays() >= arrays, "the same jobs wait"
    training.finish()
    assert runs(head / "store") == expected(training.params)


@pytest.mark.fault
def test_a_lost_controller_is_one_error_and_the_rest_is_trained_next(
    running: Slurm,
    head: Path,
    expected: Reference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slurm_jobs, "PATIENCE", 4.0)
    monkeypatch.setattr(slurm_jobs, "ANSWER", 2)
    training = Training(lambda: engine_on(head, trainings=4), head, long_params())
    training.wait_for_epochs(EPOCHS // 2)
    running.kill_controller()
    error = training.fail()
    assert isinstance(error, ClusterError) and error.exit_code == 4
    assert re.fullmatch(
        r"Slurm's controller has not answered for 4 s \(.+\): start it, then run the same command again: what was "
        "finished is kept",
        str(error),
    )
    running.start_controller()
    finished = trained(head / "store")
    with engine_on(head, trainings=4) as engine:
        train_all(engine, training.params, head / "data")
    assert runs(head / "store") == expected(training.params)
    assert finished.items() <= trained(head / "store").items()


def test_what_slurm_refuses_is_one_error(running: Slurm, head: Path) -> None:
    rule = "Invalid partition name specified: correct compute.slurm, or start Slurm's controller"
    with pytest.raises(ClusterError, match=rule), engine_on(head, partition="absent") as engine:
        train_all(engine, small_params(), head / "data")
