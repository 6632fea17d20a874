"""Explain how to repeat a run that is in MLflow."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.config.tuned import with_tuned
from regbench.tracking.reproduction import describe
from regbench.tracking.store import configure_client, find_store


def describe_run(run_id: str, params_file: Path, tuned: Path) -> str:
    """Return how to repeat a run of the current folder's store, and what has changed since.

    Raises:
        TrackingError: the store has no such run, or does not answer.
    """
    configure_client()
    from regbench.tracking.lookup import read_run  # imports mlflow

    project = Path.cwd()
    params = with_tuned(load_params(params_file), tuned)
    return describe(read_run(find_store(project), run_id), params, project)
