"""The fate of a process whose parent dies."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Linux prctl(2): the signal that a process gets when its parent dies."""


def follow_parent() -> None:
    """Let this process be killed with its parent: an orphan would go on writing beside the next run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
