"""Shows running trainings in MLflow, epoch by epoch; trainings do not depend on MLflow."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from filelock import FileLock

from regbench.config.checking import load_params
from regbench.errors import TrackingError
from regbench.tracking.store import Store, configure_client, find_store, write_ahead


def watch_trainings(params_file: Path, folder: Path, seconds: float) -> NoReturn:
    """Log new epochs of the trainings in `folder` every few seconds until interrupted; print a failure once.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    store = find_store(Path.cwd())
    name = load_params(params_file).track.experiment
    print(f"{store.shown}: running trainings are in the experiment {name}-live; Ctrl-C ends this", flush=True)
    printed = ""
    while True:
        try:
            for _ in watch(store, name, folder):
                printed = ""
                time.sleep(seconds)
        except TrackingError as error:
            if str(error) != printed:
                print(printed := str(error), file=sys.stderr, flush=True)
            time.sleep(seconds)


def watch(store: Store, name: str, folder: Path) -> Iterator[int]:
    """Log what is new of the trainings in `folder` at each step of the iterator; yield how many are running.

    Raises:
        TrackingError: the store fails; a new iterator continues where this one stopped.
    """
    configure_client()
    write_ahead(store)
    from regbench.tracking.client import open_client
    from regbench.tracking.live_runs import Watcher
    from regbench.tracking.runs import explained

    with explained():
        store.lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(store.lock):  # The first call makes the schema of a new database.
            watcher = Watcher(client := open_client(store), store, name, folder)
            client.search_experiments(max_results=1)
        while True:
            yield watcher.look()
