"""Kill workers when their parent dies."""

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Linux prctl(2): the signal that a process gets when its parent dies."""


JOB = "REGBENCH_JOB"
"""Environment variable that holds the process id of the job that a process belongs to, if any."""


def follow_parent(parent: int = 0) -> None:
    """Let this process be killed with its parent: an orphan would continue to write, concurrently with the next run.

    A forked process must call it itself: it does not inherit this. If the parent, whose process id is `parent` (0:
    unknown), or the job of this process died before the call, the process ends at once.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):  # Linux; elsewhere an orphan ends by itself, or is stopped by hand.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        job = os.environ.get(JOB)
        if (parent and os.getppid() != parent) or (job and not Path(f"/proc/{job}").exists()):
            os._exit(1)


def follow_dvc() -> None:
    """Let this process, a stage, be killed with the `dvc` that started it; end at once where that is dead already.

    If `dvc` dies in the 50 ms between the start and this call, the signal does not come. `dvc` starts a stage in its
    own process group; the process that adopts an orphan, such as init, is in another one.
    """
    follow_parent()
    try:
        orphan = os.getpgid(os.getppid()) != os.getpgrp()
    except OSError:  # It died just now, or its session is another one.
        orphan = True
    if orphan:
        os._exit(1)


def is_alive(process: int) -> bool:
    """Return whether a process still runs, by its id; a zombie (ended, but not waited for) does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    with suppress(OSError):  # In a container without an init, a zombie stays in the process list.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True
