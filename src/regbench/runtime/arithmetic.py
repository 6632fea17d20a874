"""Process settings that affect the last bits of results, or the speed."""

import ctypes
import sys
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from regbench.config.compute import Compute
    from regbench.runtime.hardware import Hardware

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc mallopt(3): how much free memory is kept, and how large a block is asked of the kernel, bytes."""


def prepare(settings: "Compute | Hardware") -> None:
    """Set this process's threads, let denormal numbers be zero, and keep freed memory for the next step.

    Adam's averages decay into denormal numbers, which a CPU handles slowly. Memory that is returned to the kernel
    after each step causes page faults in the next one: 3 % of a step.
    """
    torch.set_num_threads(settings.threads)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.deterministic = True  # Else a convolution's gradients on a GPU differ from run to run.
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)


def seed_torch(random: np.random.Generator) -> None:
    """Seed PyTorch's global generators from a keyed one: layers that are not ours draw from them."""
    torch.manual_seed(int(random.integers(2**63)))
