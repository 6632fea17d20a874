"""Choose the MLflow store and configure its client; does not import mlflow, so that calls are cheap."""

import hashlib
import os
import sqlite3
from collections.abc import Mapping, MutableMapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from regbench.runtime.redaction import redact

CLIENT_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow's own 7 retries and 120 seconds let a server that is down block for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # PostgreSQL's client would wait for two minutes for a host that does not answer.
    "PGCONNECT_TIMEOUT": "10",
}


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store as this project sees it."""

    uri: str
    """As the user gave it; may contain a password, so print `shown`."""
    project: Path
    """Absolute folder that the default database, the artifacts and the receipts are in."""

    @property
    def address(self) -> str:
        """The address that MLflow is given, so that it gives up a PostgreSQL that is silent."""
        from regbench.tracking.silence import limit_silence  # Imports SQLAlchemy, which takes a quarter of a second.

        return limit_silence(self.uri)

    @property
    def shown(self) -> str:
        """The address without user name, password and other secrets."""
        return redact(self.uri)

    @property
    def served(self) -> bool:
        """Whether the store is behind a server, which then decides where artifacts go."""
        return urlsplit(self.uri).scheme in ("http", "https")

    @property
    def database(self) -> Path | None:
        """The SQLite file, or None."""
        path = self.uri.removeprefix("sqlite:///")
        return None if path == self.uri else Path(path)

    @property
    def artifacts(self) -> Path:
        """Folder of the artifacts where no server decides."""
        return self.project / "mlartifacts"

    @property
    def lock(self) -> Path:
        """File whose lock a writer holds: beside the database, or in the project where the store is elsewhere."""
        return self.project / ".regbench" / "track.lock" if self.database is None else Path(f"{self.database}.lock")

    @property
    def receipt(self) -> Path:
        """File that remembers what the store holds."""
        return self.project / ".regbench" / f"tracked-{hashlib.sha256(self.uri.encode()).hexdigest()[:12]}.json"


def find_store(folder: Path, environment: Mapping[str, str] = os.environ) -> Store:
    """Return the store that MLFLOW_TRACKING_URI names, or else `mlflow.db` in the project, by its absolute path.

    `dvc exp run --queue` works in a copy below `.dvc/tmp` that it deletes: runs then go to the project above it.
    """
    folder = folder.resolve()
    above = next((parent.parent for parent in folder.parents if parent.name == ".dvc"), None)
    project = above or folder
    return Store(environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project / 'mlflow.db'}", project)


def one_line(error: Exception) -> str:
    """Return an exception's message, short, without line breaks and without secrets."""
    text = redact(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."


def write_ahead(store: Store) -> None:
    """Switch a SQLite database to a write-ahead log; the database stores this setting.

    Logging then takes half the time (one disk sync per change instead of four), as durably, and MLflow's pages can
    be read meanwhile. A database that cannot be opened is left to MLflow, which says why.
    """
    if store.database is not None:
        with suppress(sqlite3.Error), closing(sqlite3.connect(store.database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def configure_client(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what MLflow reads from the environment, where the user has not: call it before mlflow is imported."""
    for name, value in CLIENT_DEFAULTS.items():
        environment.setdefault(name, value)
