"""Execute calls as tasks of Slurm's job arrays, through submitit."""

import pickle
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from regbench.config.compute import Compute
from regbench.engine.cluster.carried import CarriedFuture
from regbench.engine.cluster.home import Home
from regbench.engine.cluster.parcel import ClusterError
from regbench.engine.cluster.slurm_jobs import Jobs, forget_own_job
from regbench.engine.cluster.slurm_worker import Group, Mailbox
from regbench.errors import WorkerDiedError

LOOK = 0.2
"""Seconds between two looks for outcomes."""
ASK = 5.0
"""Seconds between two questions to Slurm's controller."""
QUIET = 0.5
"""Seconds without a new call after which those that wait are submitted together."""
TRIES = 4
"""How often a call is done at most: a task that ends without an outcome was cancelled or killed."""
TIMEOUTS = 1000
"""How often a task may reach its time limit: each time it continues from its last checkpoints."""


class SlurmExecutor:
    """Executes calls on Slurm; a thread submits them, takes their outcomes, and looks for tasks that died."""

    def __init__(self, compute: Compute, home: Home, folder: Path) -> None:
        self.home, self.mailbox, self.jobs = home, Mailbox(folder), Jobs()
        self.array_size = compute.slurm.array_size
        self.at_a_time = compute.trainings_per_gpu if compute.slurm.gpus else 1
        self.group_size = compute.slurm.trainings * self.at_a_time
        for place in (self.mailbox.outcomes, self.mailbox.begun, self.mailbox.parcels):
            place.mkdir(parents=True)
        self.slurm = submitit.SlurmExecutor(folder / "jobs", max_num_timeout=TIMEOUTS)
        self.slurm.update_parameters(**sbatch_options(compute))
        self.numbers, self.tries = count(), Counter[int]()
        self.futures: dict[int, CarriedFuture] = {}
        self.waiting: list[int] = []
        self.groups: dict[str, Group] = {}
        self.gone: set[str] = set()
        self.lock, self.stopped, self.added, self.asked = threading.Lock(), threading.Event(), 0.0, 0.0
        self.thread = threading.Thread(target=self._watch, name="slurm", daemon=True)
        self.thread.start()

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        """Return a future of a call on the cluster."""
        parcel, number = self.home.pack(function, arguments), next(self.numbers)
        self.mailbox.write(self.mailbox.parcel(number), parcel)
        near = CarriedFuture(partial(self.mailbox.parcel(number).unlink, missing_ok=True))
        self._wait([number], {number: near})
        return near

    def close(self) -> None:
        """Cancel unfinished calls; a task that starts although the controller was silent finds nothing to do."""
        self.stopped.set()
        self.thread.join()
        shutil.rmtree(self.mailbox.parcels, ignore_errors=True)
        with suppress(OSError, subprocess.SubprocessError):
            self.jobs.cancel(self.groups)

    def _wait(self, numbers: Sequence[int], futures: dict[int, CarriedFuture]) -> None:
        with self.lock:
            self.futures |= futures
            self.waiting += numbers
            self.added = time.monotonic()

    def _watch(self) -> None:
        while not self.stopped.wait(LOOK):
            try:
                self._submit_waiting()
                self._take_outcomes()
                if self.groups and time.monotonic() - self.asked > ASK:
                    self._find_dead()
                    self.asked = time.monotonic()
            except Exception as error:
                for near in list(self.futures.values()):
                    near.end(error=error)

    def _submit_waiting(self) -> None:
        """Submit calls as an array, when no more come or the array is full."""
        with self.lock:
            most = self.array_size * self.group_size
            if not self.waiting or (len(self.waiting) < most and time.monotonic() - self.added < QUIET):
                return
            numbers, self.waiting = self.waiting[:most], self.waiting[most:]
        groups = [
            Group(self.mailbox, tuple(numbers[start : start + self.group_size]), self.at_a_time)
            for start in range(0, len(numbers), self.group_size)
        ]
        try:
            with self.slurm.batch():
                submitted = [self.slurm.submit(group) for group in groups]
        except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError) as error:
            raise ClusterError(
                f"{str(error).strip().splitlines()[-1]}: correct compute.slurm, or start Slurm's controller, then run "
                "the same command again"
            ) from None
        self.groups |= {job.job_id: group for job, group in zip(submitted, groups, strict=True)}
        self.tries.update(numbers)

    def _take_outcomes(self) -> None:
        for path in self.mailbox.begun.iterdir():
            if near := self.futures.get(int(path.name)):
                near.begin()
            path.unlink()
        for path in self.mailbox.outcomes.glob("[!.]*"):
            outcome = pickle.loads(path.read_bytes())
            number = int(path.stem)
            if near := self.futures.pop(number, None):
                if isinstance(outcome, Exception):
                    near.end(error=outcome)
                else:
                    near.end(self.home.receive(outcome))
            self.mailbox.parcel(number).unlink(missing_ok=True)
            path.unlink()

    def _find_dead(self) -> None:
        """Submit again what tasks left undone that ended, as by scancel; outcomes may come late, so look twice."""
        known = set(self.groups)
        present = self.jobs.present()
        if present is None:
            return
        gone = known - present
        for job in gone & self.gone:
            group = self.groups.pop(job)
            left = [number for number in group.numbers if number in self.futures]
            for number in [number for number in left if self.tries[number] >= TRIES]:
                self.futures.pop(number).end(error=WorkerDiedError(self._explain(job)))
            self._wait([number for number in left if number in self.futures], {})
        self.gone = gone

    def _explain(self, job: str) -> str:
        return (
            f"Slurm's task {job} ended {TRIES} times without a result; perhaps memory or time ran out: see "
            f"{self.mailbox.folder / 'jobs'}, then run the same command again: what was finished is kept"
        )


def sbatch_options(compute: Compute) -> dict[str, Any]:
    """Return the options of a job array, by submitit's names."""
    slurm = compute.slurm
    options: dict[str, Any] = {
        "job_name": "regbench",
        "time": slurm.minutes,
        "cpus_per_task": slurm.cpus or compute.threads * (compute.trainings_per_gpu if slurm.gpus else 1),
        "array_parallelism": slurm.at_once or slurm.array_size,
        "signal_delay_s": min(90, 15 * slurm.minutes),
        "stderr_to_stdout": True,
        "additional_parameters": {"requeue": True},
    }
    named = {"partition": slurm.partition, "account": slurm.account, "gpus_per_node": slurm.gpus}
    return options | {name: value for name, value in named.items() if value}


@contextmanager
def slurm_executor(compute: Compute, home: Home) -> Iterator[SlurmExecutor]:
    """Yield an executor of calls on Slurm.

    Its files are beside the store; logs of tasks stay there when an exception ends the block.

    Raises:
        ClusterError: this host submits no jobs.
    """
    folder = home.store.root.absolute().parent / "slurm" / home.token.rpartition("-")[2]
    forget_own_job()
    try:
        executor = SlurmExecutor(compute, home, folder)
    except RuntimeError:
        raise ClusterError(
            "compute.executor = 'slurm': there is no srun here: start it on a host that submits jobs"
        ) from None
    try:
        yield executor
    except BaseException:
        executor.close()
        raise
    executor.close()
    shutil.rmtree(folder, ignore_errors=True)
