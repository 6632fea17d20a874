"""What the parameters of clusters do: each function returns what is asked of Dask, submitit or Slurm."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, patch

from support.parameter_effects import ingest_small

from regbench.config.params import Params
from regbench.engine import run as engine_run
from regbench.engine.cluster import dask_opening, slurm_executor
from regbench.engine.cluster.home import open_home
from regbench.engine.inputs import learned_data
from regbench.engine.run import open_engine
from regbench.engine.store import Store
from regbench.engine.tasks import settle_hardware


def choose_executor(params: Params, folder: Path) -> Any:
    """Return which executor the engine opens."""
    with (
        patch.object(engine_run, "local_executor", return_value=nullcontext("local")),
        patch.object(dask_opening, "dask_executor", return_value=nullcontext("dask")),
        patch.object(slurm_executor, "slurm_executor", return_value=nullcontext("slurm")),
        open_engine(params.compute, folder / "store") as engine,
    ):
        return getattr(engine.executor, "far", engine.executor)


def use_dask(params: Params, folder: Path) -> Any:
    """Return what Dask is told: the scheduler's address, and all about a call and the files that a worker lacks."""
    data = ingest_small(params, folder)
    wanted = learned_data(data, "digest")
    with (
        patch.object(dask_opening, "LocalCluster"),
        patch.object(dask_opening, "Client") as client,
        open_home(Store(folder / "store")) as home,
    ):
        client.return_value.status = "running"
        with dask_opening.dask_executor(params.compute, home) as executor:
            executor.submit(settle_hardware, params.compute, folder)
            executor._send("worker", wanted)
    submitted, ran = client.return_value.submit.call_args, client.return_value.run.call_args
    return client.call_args.args[0] if params.compute.dask.address else "", submitted.args[4], ran.args[4]


def share_gpu(params: Params, _: Path) -> Any:
    """Return what a call asks of workers that have a GPU."""
    client = MagicMock()
    client.scheduler_info.return_value = {"workers": {"w": {"resources": {"GPU": 1}}}}
    return dask_opening._resources(client, params.compute.model_copy(update={"device": "auto"}))


def use_slurm(params: Params, folder: Path) -> Any:
    """Return the options of a job array, and how calls are divided into tasks."""
    with patch.object(slurm_executor, "submitit"), open_home(Store(folder / "store")) as home:
        executor = slurm_executor.SlurmExecutor(params.compute, home, folder / home.token)
        executor.close()
    return slurm_executor.sbatch_options(params.compute), executor.array_size, executor.group_size
