"""Finds a run in MLflow."""

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from regbench.errors import TrackingError
from regbench.tracking.client import open_client
from regbench.tracking.reproduction import LoggedRun
from regbench.tracking.store import Store, one_line


def read_run(store: Store, run_id: str) -> LoggedRun:
    """Return a run of the store.

    Raises:
        TrackingError: the store has no such run, or does not answer.
    """
    try:
        run = open_client(store).get_run(run_id)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise TrackingError(f"{store.shown}: run {run_id!r}: {one_line(error)}") from error
    return LoggedRun(run_id, run.info.run_name or run_id, run.data.tags, run.data.params)
