"""What a process computes on: device and threads."""

import ctypes
import sys

import torch

from regbench.config.compute import Compute
from regbench.errors import InputError


def device(compute: Compute) -> str:
    """Return `cpu` or `cuda`.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if compute.device == "cuda" and not available:
        raise InputError("params.yaml: compute.device = 'cuda': no GPU is visible to PyTorch: set it to auto or cpu")
    return "cuda" if available and compute.device != "cpu" else "cpu"


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc mallopt(3): how much free memory is kept, and how large a block is asked of the kernel, bytes."""


def prepare(compute: Compute) -> None:
    """Set this process's threads, let denormal numbers be zero, and keep freed memory for the next step.

    Adam's averages decay into denormal numbers, which a CPU handles slowly. Memory that is given back to the kernel
    after each step comes again as page faults, 3 % of a step.
    """
    torch.set_num_threads(compute.threads)
    torch.set_flush_denormal(True)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)
