"""Ends processes whose parent has died."""

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Linux prctl(2): the signal that a process gets when its parent dies."""


JOB = "REGBENCH_JOB"
"""Environment variable that holds the process id of the job that a process belongs to, if any."""


def follow_parent() -> None:
    """Let this process be killed with its parent: an orphan would write at the same time as the next run.

    Where the job that it belongs to died before this was called, it ends at once.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):  # Linux; elsewhere an orphan ends by itself, or is stopped by hand.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if (job := os.environ.get(JOB)) and not Path(f"/proc/{job}").exists():
            os._exit(1)


def follow_dvc() -> None:
    """Let this process, a stage, be killed with the `dvc` that started it; end at once where that is dead already.

    A `dvc` that dies in the 50 ms between its start and this call would not be noticed. `dvc` starts a stage in its own
    process group; a process that adopts orphans, such as init, is in another one.
    """
    follow_parent()
    try:
        orphan = os.getpgid(os.getppid()) != os.getpgrp()
    except OSError:  # It died just now, or its session is another one.
        orphan = True
    if orphan:
        os._exit(1)


def is_alive(process: int) -> bool:
    """Return whether a process works still, by its id; a zombie does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    with suppress(OSError):  # In a container without an init, such a process stays listed.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
