"""The section `compute`: what trainings run on, and how many of them stay in the store."""

import os
from typing import Literal

from regbench.config.cluster import Dask, Slurm
from regbench.config.section import Count, CountOrZero, Precision, Section, Strength


class Compute(Section):
    """What a training runs on."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: a GPU if there is one."""
    threads: Count = 1
    """Threads a training; another number gives results that differ in the last bits."""
    precision: Literal["auto"] | Precision = "float32"
    """Of the matrix products while learning. `bfloat16` rounds to three digits; weights, Adam, penalties and all scores
    stay float32. Some processors compute it faster than float32, others many times slower: `auto` measures once a
    machine, takes it only where it is faster, and says which it took."""
    workers: CountOrZero = 0
    """Trainings at a time; 0: cores divided by threads. Does not change any result."""
    checkpoint_epochs: CountOrZero = 5
    """A training that is interrupted continues from its last checkpoint, one every so many epochs; 0: it starts again.
    Does not change any result."""
    store_gigabytes: Strength = 10
    """Size, 10^9 bytes, to which the store of finished trainings is cut back, least recently used first: going back to
    earlier hyperparameters trains nothing while their networks are in it. What is in use now is always kept."""

    executor: Literal["local", "dask", "slurm"] = "local"
    """Who does the trainings: processes of this machine, a Dask cluster, or Slurm. Does not change any result."""
    dask: Dask = Dask()
    """Read where `executor` is `dask`."""
    slurm: Slurm = Slurm()
    """Read where `executor` is `slurm`."""
    trainings_per_gpu: Count = 1
    """Trainings that share a GPU. Does not change any result."""

    @property
    def processes(self) -> int:
        """Worker processes to start."""
        return self.workers or max(1, available_cores() // self.threads)


class ComputeSections(Section):
    """What is read by those whose results depend on nothing in it."""

    compute: Compute


def available_cores() -> int:
    """Return the cores that this process may use; macOS does not say, there it is all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
