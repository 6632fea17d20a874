"""The fate of a process whose parent dies."""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Linux prctl(2): the signal that a process gets when its parent dies."""


JOB = "REGBENCH_JOB"
"""Environment variable that holds the process id of the job that a process belongs to, if any."""


def follow_parent() -> None:
    """Let this process be killed with its parent: an orphan would go on writing beside the next run.

    Where the job that it belongs to died before this was called, it ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if (job := os.environ.get(JOB)) and not Path(f"/proc/{job}").exists():
            os._exit(1)
