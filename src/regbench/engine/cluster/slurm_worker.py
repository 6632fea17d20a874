"""A task of a Slurm job array: runs its calls, and leaves the results in a folder that the head sees."""

import os
import pickle
import socket
import subprocess
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from submitit.helpers import DelayedSubmission

from regbench.engine.cluster.cache import open_cache
from regbench.engine.cluster.parcel import ClusterError, Parcel
from regbench.engine.cluster.worker import Delivery, open_parcel
from regbench.engine.inputs import Input
from regbench.engine.local import local_executor
from regbench.engine.store import Store
from regbench.files import atomic


@dataclass(frozen=True)
class Mailbox:
    """The files of calls by their numbers: what to do, what has begun, and what came of it."""

    folder: Path

    @property
    def outcomes(self) -> Path:
        """Folder of what came of calls."""
        return self.folder / "outcomes"

    @property
    def begun(self) -> Path:
        """Folder of an empty file for each call that has begun."""
        return self.folder / "begun"

    @property
    def parcels(self) -> Path:
        """Folder of what is to be done."""
        return self.folder / "parcels"

    def parcel(self, number: int) -> Path:
        """Return the file of a call; it is removed when the call is not wanted any more."""
        return self.parcels / f"{number}.pickle"

    def outcome(self, number: int) -> Path:
        """Return the file of what a call came to."""
        return self.outcomes / f"{number}.pickle"

    def write(self, path: Path, value: object) -> None:
        """Write a pickled value, so that it is there whole or not at all."""
        with atomic(path) as temporary:
            temporary.write_bytes(pickle.dumps(value))


class SharedFiles:
    """Files come from nowhere: all nodes see the head's."""

    cache: Store = open_cache("")

    def fetch(self, wanted: Input) -> None:
        """Refuse."""
        raise ClusterError(
            f"{wanted.what} in {wanted.folder}: not there on {socket.gethostname()}: Slurm's nodes need the project on "
            "a file system that they all share"
        )


@dataclass(frozen=True)
class Group:
    """The calls of one task; a task that is queued again does those that have no outcome."""

    mailbox: Mailbox
    numbers: tuple[int, ...]
    at_a_time: int
    """Calls at a time: more than one where trainings share a GPU."""

    def __call__(self) -> None:
        """Do the calls, each in the order of its number."""
        if self.at_a_time == 1:
            for number in self.numbers:
                do_call(self.mailbox, number)
            return
        with local_executor(self.at_a_time) as pool:
            for future in [pool.submit(do_call, self.mailbox, number) for number in self.numbers]:
                future.result()

    def checkpoint(self) -> DelayedSubmission:
        """Return what a task that was preempted, or whose time was up, does when it starts again."""
        return DelayedSubmission(self)


def do_call(mailbox: Mailbox, number: int) -> None:
    """Do a call, unless it was done or cancelled, and leave what came of it: a `Delivery`, or an exception."""
    if mailbox.outcome(number).exists() or not mailbox.parcel(number).exists():
        return
    parcel: Parcel = pickle.loads(mailbox.parcel(number).read_bytes())
    (mailbox.begun / str(number)).touch()
    name_job(parcel.title)
    outcome: Delivery | Exception
    try:
        outcome = open_parcel(parcel, SharedFiles())
    except Exception as error:
        outcome = error if _is_picklable(error) else RuntimeError(traceback.format_exc())
    mailbox.write(mailbox.outcome(number), outcome)


def name_job(title: str) -> None:
    """Let `squeue` show what this job does; a controller that does not answer stops no training."""
    if job := os.environ.get("SLURM_JOB_ID"):
        with suppress(OSError, subprocess.SubprocessError):
            command = ["scontrol", "update", f"JobId={job}", f"JobName={title}"]
            subprocess.run(command, capture_output=True, timeout=10, check=False)


def _is_picklable(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
