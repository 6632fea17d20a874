"""MLflow's client of a store, with a limit to how long it waits for a database."""

import logging

from mlflow import MlflowClient
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from regbench.tracking.store import Store

ATTEMPTS = 4
"""To connect to a database, within a second. MLflow's own 10 take 102 seconds, whatever the reason, and no setting
changes that."""
LIBPQ = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
"""Names of PostgreSQL's drivers that hand the parameters of an address to its own library."""
SILENCE = {"tcp_user_timeout": "20000", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "2"}
"""A connection whose other end acknowledges nothing for 20 s is given up. Linux would wait for a quarter of an hour for
what was sent, and two hours for an answer, on a network that was cut."""


def open_client(store: Store) -> MlflowClient:
    """Return the client of a store and of the registry in it; call `configure_client` before importing this module."""
    if not store.served:
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = ATTEMPTS
        # Each attempt would be a warning of five lines, with the address in it; what fails for good is raised as well.
        logging.getLogger(utils.__name__).setLevel(logging.CRITICAL)
        # It warns of each statement that the database refuses, such as a row that is there already: MLflow expects it.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
    address = limit_silence(store.uri)
    return MlflowClient(address, address)


def limit_silence(address: str) -> str:
    """Return an address of PostgreSQL with the parameters `SILENCE`, where it has none of its own; others unchanged."""
    try:
        url = make_url(address)
    except ArgumentError:
        return address
    if url.drivername not in LIBPQ:
        return address
    return url.update_query_dict({**SILENCE, **url.query}).render_as_string(hide_password=False)
