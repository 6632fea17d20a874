"""Limit how long MLflow waits for a PostgreSQL server that does not answer."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

LIBPQ = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
"""Names of PostgreSQL's drivers that hand the parameters of an address to its own library."""
SILENCE = {"tcp_user_timeout": "20000", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "2"}
"""A connection whose other end acknowledges nothing for 20 s is given up. Linux would wait for a quarter of an hour for
what was sent, and two hours for an answer, on a network that was cut."""


def limit_silence(address: str) -> str:
    """Return an address of PostgreSQL with the parameters `SILENCE`, where it has none of its own; others unchanged."""
    try:
        url = make_url(address)
    except ArgumentError:
        return address
    if url.drivername not in LIBPQ:
        return address
    return url.update_query_dict({**SILENCE, **url.query}).render_as_string(hide_password=False)
