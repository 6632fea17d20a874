"""Lists and cancels this user's Slurm jobs, through Slurm's own commands."""

import getpass
import os
import subprocess
import time
from collections.abc import Iterable

from regbench.engine.cluster.parcel import ClusterError

PATIENCE = 120.0
"""Seconds that the controller may take to answer: it may be restarted while jobs go on."""
ANSWER = 30
"""Seconds for one answer."""


class Jobs:
    """What the controller says of this user's jobs."""

    def __init__(self) -> None:
        self.answered = time.monotonic()

    def present(self) -> set[str] | None:
        """Return the ids of jobs that wait or run, tasks of arrays as `12_3`; None where the controller is silent.

        Raises:
            ClusterError: it has been silent for too long.
        """
        command = ["squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i"]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            if time.monotonic() - self.answered > PATIENCE:
                reason = str(getattr(error, "stderr", "") or error).strip().partition("\n")[0]
                raise ClusterError(
                    f"Slurm's controller has not answered for {PATIENCE:.0f} s ({reason}): start it, then run the "
                    "same command again: what was finished is kept"
                ) from None
            return None
        self.answered = time.monotonic()
        return set(found.stdout.split())

    def cancel(self, jobs: Iterable[str]) -> None:
        """Cancel jobs; arrays as a whole."""
        whole = sorted({job.partition("_")[0] for job in jobs})
        if whole:
            subprocess.run(["scancel", *whole], capture_output=True, timeout=ANSWER, check=False)


def forget_own_job() -> None:
    """Remove the variables of the job that this process may be: they would be options of the jobs that it submits."""
    for name in [name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF"]:
        del os.environ[name]
