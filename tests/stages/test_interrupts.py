"""Trainings that are interrupted or killed: processes end, finished runs stay, the rest ends with the same bytes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from safetensors import safe_open
from support.project import Project, environment
from support.retraining_project import still_running

from regbench.files import TEMPORARY

pytestmark = [pytest.mark.slow, pytest.mark.fault]
STAGE = (sys.executable, "-m", "stages.train", "tuned", "data", "augmented", "runs", "timings")
EPOCHS = 700
"""So many that a training still runs, also on a busy machine, when it is told to end."""
DEADLINE = 20
"""Seconds in which all processes of an interrupted stage must have ended."""


class Command:
    """A command in a process group of its own, which has at least one finished run and one checkpoint."""

    def __init__(self, project: Project, *command: str) -> None:
        self.project = project
        self.process = subprocess.Popen(
            command,
            cwd=project.folder,
            env=environment(project.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        finished = len(project.weights())
        wait_until(lambda: len(project.weights()) > finished and bool(checkpoints(project)), self.process)
        self.descendants = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.descendants) >= 2, "a worker at least, and the server that it is forked from"

    @property
    def stage(self) -> psutil.Process:
        """The stage's process; a command may be the stage itself."""
        own = [psutil.Process(self.process.pid), *self.descendants]
        return next(process for process in own if "stages.train" in process.cmdline() and "-c" not in process.cmdline())

    def kill_within_a_training(self, killed: str) -> None:
        """Kill `stage`, `dvc` or their `group` when a training has a checkpoint, none of a finished one."""
        while not self._killed(killed):
            wait_until(lambda: bool(checkpoints(self.project)), self.process)

    def _killed(self, killed: str) -> bool:
        """Stop all, look, kill: whatever is below the killed process must die without having gone on."""
        stopped = [child for child in self.descendants if "resource_tracker" not in " ".join(child.cmdline())]
        for child in stopped:
            child.suspend()
        if within := bool(checkpoints(self.project)):
            if killed == "group":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                os.kill(self.stage.pid if killed == "stage" else self.process.pid, signal.SIGKILL)
            _, alive = psutil.wait_procs(stopped, timeout=DEADLINE)
            assert alive == []
        for child in stopped:
            with suppress(psutil.NoSuchProcess):
                child.resume()
        return within

    def end(self) -> tuple[int, str]:
        """Wait for all its processes; return exit code and last line of the error output."""
        _, errors = self.process.communicate(timeout=DEADLINE)
        _, alive = psutil.wait_procs(self.descendants, timeout=DEADLINE)
        assert alive == []
        return self.process.returncode, (errors.splitlines() or [""])[-1]


def wait_until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    limit = time.monotonic() + 400
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.fixture(scope="module")
def prepared(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose next stage is train, with trainings of seconds, one at a time."""
    project = copy(reproduced, tmp_path_factory.mktemp("interrupts") / "prepared")
    project.set(**{"train.epochs": EPOCHS, "compute.workers": 1, "compute.checkpoint_epochs": 7, "seeds": [1]})
    project.repro("tune")
    return project


@pytest.fixture(scope="module")
def undisturbed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The runs of an undisturbed training."""
    project = copy(prepared, tmp_path_factory.mktemp("undisturbed") / "project")
    assert project.trained(project.run("dvc", "repro", "train")).endswith("3 to train")
    return runs(project)


@pytest.fixture
def project(prepared: Project, tmp_path: Path) -> Iterator[Project]:
    yield copy(prepared, tmp_path / "project")


def copy(project: Project, folder: Path) -> Project:
    shutil.copytree(project.folder, folder, symlinks=True)
    return Project(folder)


def checkpoints(project: Project) -> list[Path]:
    """Return the checkpoints of trainings that are not finished; that of a finished one is about to be removed."""
    store = project.folder / ".regbench/store"
    found = store.glob("checkpoints/[!.]*")
    return [path for path in found if not (store / "runs" / path.stem.replace("-seed-", "/seed-")).exists()]


def runs(project: Project) -> dict[str, bytes]:
    return {name: content for name, content in project.results().items() if name.startswith("runs/")}


def assert_nothing_is_half_written(project: Project) -> None:
    for name in ("runs", "timings"):
        assert not [path for path in (project.folder / name).rglob("*") if TEMPORARY.fullmatch(path.name)]


@pytest.mark.parametrize("everyone", [False, True], ids=["the stage", "its process group"])
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupted_stage_ends_with_all_its_processes(
    project: Project, number: signal.Signals, code: int, word: str, everyone: bool
) -> None:
    command = Command(project, *STAGE)
    (os.killpg if everyone else os.kill)(command.process.pid, number)
    assert command.end() == (code, word)
    assert_nothing_is_half_written(project)


def test_an_interrupted_pipeline_ends_with_all_its_processes(project: Project) -> None:
    command = Command(project, "dvc", "repro", "train")
    os.killpg(command.process.pid, signal.SIGINT)
    assert command.end()[0] != 0
    assert_nothing_is_half_written(project)


@pytest.mark.parametrize("killed", ["stage", "dvc", "group"])
def test_a_killed_training_continues_to_the_same_bytes(
    project: Project, undisturbed: dict[str, bytes], killed: str
) -> None:
    command = Command(project, "dvc", "repro", "train")
    command.kill_within_a_training(killed)
    assert command.end()[0] != 0
    finished = project.weights()
    (checkpoint,) = checkpoints(project)
    with safe_open(checkpoint, "np") as file:
        seconds = json.loads(file.metadata()["state"])["seconds"]
    said = project.trained(project.run("dvc", "repro", "train"))
    missing = 6 + 3 - len(finished)  # Six of the project before.
    assert said == f"3 runs needed, {3 - missing} of 3 different ones found, {missing} to train" and missing < 3
    assert finished.items() <= project.weights().items()
    assert runs(project) == undisturbed
    name = checkpoint.stem.rsplit("-seed-", 1)
    times = pd.read_csv(project.folder / f".regbench/store/runs/{name[0]}/seed-{name[1]}/timings.csv")
    assert len(times) == EPOCHS
    assert times["wall_seconds"].head(len(seconds)).tolist() == [wall for wall, _ in seconds], "from the checkpoint"


def test_a_stage_dies_with_a_dvc_that_is_killed_while_it_starts(project: Project) -> None:
    """Python takes 50 ms until it can ask for that: whichever moment it is, no second writer is possible."""
    for seconds in (0, 0.01, 0.02, 0.04, 0.08):
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        dvc = psutil.Popen(["dvc", "repro", "train"], cwd=project.folder, env=environment(project.folder), **silent)
        wait_until(lambda dvc=dvc: bool(stages_below(dvc)), dvc)
        time.sleep(seconds)
        dvc.kill()
        dvc.wait()
        assert still_running(project) == [], seconds


def stages_below(dvc: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [child for child in dvc.children() if "stages.train" in child.cmdline()]
    return []
