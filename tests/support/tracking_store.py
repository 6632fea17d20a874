"""Running `track` and reading what a store then holds."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from support.project import REGBENCH
from support.tracking_project import EPOCHS, FOLDERS

from regbench.config.checking import load_params
from regbench.layout import Results
from regbench.tracking.receipt import Receipt
from regbench.tracking.store import Store, find_store
from regbench.tracking.sync import bring_up_to_date

ROOT = Path(__file__).resolve().parents[2]


STAGE = [sys.executable, "-m", "stages.track", *FOLDERS]
SYNC = [*REGBENCH, "sync"]


RUNS = 2 + 4
"""Runs of the small project: a variant each, and a variant and seed each."""


def results(folder: Path) -> Results:
    return Results(*(folder / name for name in FOLDERS))


def track(folder: Path, store: Store | None = None, ask: bool = False) -> Receipt:
    store = store or find_store(folder, {})
    return bring_up_to_date(load_params(folder / "params.yaml"), results(folder), store, "fingerprint", ask)


def stage(folder: Path, command: list[str] = STAGE, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the stage `track`, or the command that logs the same."""
    return subprocess.run(
        command, cwd=folder, env=environ(**environment), capture_output=True, text=True, timeout=300, check=False
    )


def environ(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return inherited | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"} | more


def experiment(client: MlflowClient, name: str) -> Experiment:
    found = client.get_experiment_by_name(name)
    assert found is not None
    return found


def runs_of(client: MlflowClient, name: str, view: int = ViewType.ACTIVE_ONLY) -> dict[str, Run]:
    found = client.search_runs([experiment(client, name).experiment_id], run_view_type=view)
    names = [run.info.run_name for run in found]
    # A second copy of a run would hide in a dictionary.
    assert len(set(names)) == len(names)
    return {run.info.run_name: run for run in found}


def contents(store: Store) -> dict[str, tuple[Any, ...]]:
    """Return all that a store holds of results: key -> name, status, parameters, last numbers, tags."""
    client = MlflowClient(store.uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    runs = client.search_runs(experiments, run_view_type=ViewType.ALL)
    found = {}
    for run in runs:
        # Ids differ from store to store, and DVC adds the stage track to its lock file after that has logged.
        tags = {name: value for name, value in run.data.tags.items() if name not in ("mlflow.parentRunId", "dvc_lock")}
        found[tags["regbench.key"]] = (run.info.run_name, run.info.status, run.data.params, run.data.metrics, tags)
    assert len(found) == len(runs)
    return found


def assert_complete(client: MlflowClient, name: str = "digits") -> None:
    """Everything is there, and once."""
    variants, seeds = runs_of(client, name), runs_of(client, f"{name}-seeds")
    assert set(variants) == {"baseline", "l2"}
    assert set(seeds) == {"baseline 1", "baseline 2", "l2 1", "l2 2"}
    for run in [*variants.values(), *seeds.values()]:
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "validation/error_pct")
        assert [point.step for point in history] == list(range(EPOCHS))
        models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
        assert [model.status.name for model in models] == ["READY"]
        assert len(run.outputs.model_outputs) == 1
