"""MLflow's client, with a limit on how long it waits for a database; and rows that two pipelines write at once."""

import logging
from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from regbench.tracking.store import Store

ATTEMPTS = 4
"""Attempts to connect to a database, within a second. MLflow's own 10 take 102 seconds, whatever the reason, and no
setting changes that."""


def open_client(store: Store) -> MlflowClient:
    """Return the client of a store and of the registry in it; call `configure_client` before importing this module."""
    if not store.served:
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = ATTEMPTS
        # Each attempt would be a warning of five lines, with the address in it; what fails for good is raised as well.
        logging.getLogger(utils.__name__).setLevel(logging.CRITICAL)
        # It warns of each statement that the database refuses, such as a row that is there already: MLflow expects it.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
    return MlflowClient(store.address, store.address)


def write_shared(write: Callable[[], object]) -> None:
    """Send a request that writes a row which other pipelines write too.

    MLflow looks whether the row is there, and inserts it if not. Of two pipelines that do so at once it refuses one
    (BAD_REQUEST); the second attempt finds the row of the other.
    """
    try:
        write()
    except MlflowException as error:
        if error.error_code != "BAD_REQUEST":  # a server that is away was waited for already
            raise
        write()
