"""The sections `compute.dask` and `compute.slurm`: the cluster that trains. Neither changes a result."""

from regbench.config.section import Count, CountOrZero, Positive, Section


class Dask(Section):
    """A Dask cluster; TLS is configured in Dask's own files or environment variables."""

    address: str = ""
    """Of a running scheduler, such as `tls://10.0.0.5:8786`. Empty: `DASK_SCHEDULER_ADDRESS` of the environment; where
    that is not set either, the stage starts `compute.workers` workers on this machine and stops them at its end."""
    cache: str = ""
    """Folder on each worker's machine for what is sent there. Empty: in the machine's folder of temporary files."""
    cache_gigabytes: Positive = 20
    """Size, 10^9 bytes, to which that folder is cut back, least recently used first."""


class Slurm(Section):
    """What `sbatch` asks for, for each task of a job array; the project is on a file system that all nodes share."""

    partition: str = ""
    """Empty: the cluster's default."""
    account: str = ""
    """That the time is charged to. Empty: the user's default."""
    minutes: Count = 60
    """Time limit of a task. One that reaches it is queued again, and continues from the last checkpoints."""
    cpus: CountOrZero = 0
    """Of a task; 0: `compute.threads` for each training at a time."""
    gpus: CountOrZero = 0
    """Of a task."""
    array_size: Count = 1000
    """Tasks of one job array, at most; Slurm's own limit is `MaxArraySize`."""
    at_once: CountOrZero = 0
    """Tasks of one array that run at a time, at most; 0: as many as the cluster lets."""
    trainings: Count = 1
    """Trainings that one task does one after the other: they share the seconds that it takes to start."""
