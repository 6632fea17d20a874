"""Calls in job arrays: how they are divided, and what becomes of tasks that never give a result; Slurm is a script."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.small_study import small_params

from regbench.config.compute import Compute
from regbench.engine.cluster import slurm_executor
from regbench.engine.cluster.home import open_home
from regbench.engine.cluster.slurm_executor import SlurmExecutor, sbatch_options
from regbench.engine.cluster.slurm_jobs import forget_own_job
from regbench.engine.cluster.slurm_worker import Group, Mailbox
from regbench.engine.store import Store
from regbench.engine.tasks import settle_hardware
from regbench.errors import WorkerDiedError


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Slurm into the path whose jobs end at once and do nothing; return its log of calls."""
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()
    for name, said in (("sbatch", "Submitted batch job $$"), ("squeue", ""), ("scancel", ""), ("srun", "")):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{log}\necho "{said}"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


@pytest.fixture
def executor(commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmExecutor]:
    """Yield an executor whose arrays have two tasks of two calls each."""
    for name in ("LOOK", "ASK", "QUIET"):
        monkeypatch.setattr(slurm_executor, name, 0.05)
    compute = Compute.model_validate({"executor": "slurm", "slurm": {"trainings": 2, "array_size": 2}})
    with open_home(Store(tmp_path / "store")) as home, slurm_executor.slurm_executor(compute, home) as executor:
        yield executor


def test_a_call_whose_tasks_never_give_a_result_is_done_four_times_and_no_more(
    executor: SlurmExecutor, commands: Path
) -> None:
    future = executor.submit(settle_hardware, small_params().compute, Path("memory.json"))
    with pytest.raises(WorkerDiedError, match="ended 4 times without a result; perhaps memory or time ran out: see "):
        future.result(60)
    assert commands.read_text().count("sbatch ") == 4


def test_calls_are_divided_into_tasks_and_tasks_into_arrays(
    executor: SlurmExecutor, tmp_path: Path, commands: Path
) -> None:
    futures = [executor.submit(settle_hardware, small_params().compute, Path("memory.json")) for _ in range(7)]
    for future in futures:
        with pytest.raises(WorkerDiedError):
            future.result(60)
    scripts = [path.read_text() for path in (executor.mailbox.folder / "jobs").glob("*submission*.sh")]
    assert scripts and all("#SBATCH --requeue" in script for script in scripts)
    assert any("#SBATCH --array=0-1%2" in script for script in scripts), "at most two tasks an array"


def test_a_cancelled_call_is_not_done(executor: SlurmExecutor, commands: Path) -> None:
    future = executor.submit(settle_hardware, small_params().compute, Path("memory.json"))
    assert future.cancel()
    Group(executor.mailbox, (0,), 1)()
    assert list(executor.mailbox.outcomes.iterdir()) == []


def test_a_group_leaves_values_and_exceptions_and_does_nothing_twice(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mail")
    for place in (mailbox.outcomes, mailbox.begun, mailbox.parcels):
        place.mkdir(parents=True)
    with open_home(Store(tmp_path / "store")) as home:
        compute = Compute(device="cpu")
        mailbox.write(mailbox.parcel(0), home.pack(settle_hardware, (compute, tmp_path / "memory.json")))
        mailbox.write(mailbox.parcel(1), home.pack(fail, ()))
        group = Group(mailbox, (0, 1), 1)
        group()
        written = {path.name: path.stat().st_mtime_ns for path in mailbox.outcomes.iterdir()}
        assert set(written) == {"0.pickle", "1.pickle"}
        group.checkpoint().result()
        assert {path.name: path.stat().st_mtime_ns for path in mailbox.outcomes.iterdir()} == written


def fail() -> None:
    raise ValueError("reason")


@pytest.mark.parametrize(
    ("compute", "options"),
    [
        ({"threads": 3}, {"cpus_per_task": 3, "array_parallelism": 1000, "time": 60}),
        ({"slurm": {"gpus": 1}, "trainings_per_gpu": 4}, {"cpus_per_task": 4, "gpus_per_node": 1}),
        ({"slurm": {"cpus": 2, "partition": "p", "account": "a", "minutes": 2, "at_once": 5}},
         {"cpus_per_task": 2, "partition": "p", "account": "a", "time": 2, "array_parallelism": 5,
          "signal_delay_s": 30}),
    ],
)  # fmt: skip
def test_what_sbatch_is_asked_for(compute: dict[str, object], options: dict[str, object]) -> None:
    assert options.items() <= sbatch_options(Compute.model_validate(compute)).items()


def test_variables_of_a_job_that_the_head_is_concern_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_MEM_PER_NODE", "SLURM_CONF", "SBATCH_ACCOUNT"):
        monkeypatch.setenv(name, "1")
    forget_own_job()
    assert {name for name in os.environ if name.startswith(("SLURM", "SBATCH"))} == {"SLURM_CONF", "SBATCH_ACCOUNT"}
