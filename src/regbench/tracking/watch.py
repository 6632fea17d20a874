"""Watching: looks at running trainings, one after the other, with MLflow's failures in one line."""

from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from regbench.tracking.store import Store, configure_client, write_ahead


def watch(store: Store, name: str, folder: Path) -> Iterator[int]:
    """Log what is new of the trainings in `folder` each time the iterator is asked; yield how many are running.

    Raises:
        TrackingError: the store fails; a new iterator goes on where this one was.
    """
    configure_client()
    write_ahead(store)
    from mlflow import MlflowClient

    from regbench.tracking.live_runs import Watcher
    from regbench.tracking.runs import explained

    with explained():
        store.lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(store.lock):  # The first call makes the schema of a new database.
            watcher = Watcher(client := MlflowClient(store.uri), store, name, folder)
            client.search_experiments(max_results=1)
        while True:
            yield watcher.look()
