"""Syncs a project's results to its MLflow store. Imports MLflow only if something may be missing there."""

import sys
from pathlib import Path

from regbench.errors import TrackingError
from regbench.layout import Results
from regbench.tracking.receipt import Receipt, fingerprint
from regbench.tracking.store import find_store


def sync_project(params_file: Path, results: Results, strict: bool = False) -> None:
    """Log the results that the store of the current folder does not have yet.

    Not `strict`: no request is sent where no file changed since the last time, and a failure is only printed.

    Raises:
        TrackingError: the store fails, and `strict`.
    """
    store = find_store(Path.cwd())
    seen = fingerprint([params_file, *results.folders])
    if not strict and Receipt.read(store).fingerprint == seen:
        return

    from regbench.config.checking import load_params
    from regbench.config.tuned import with_tuned
    from regbench.tracking.sync import bring_up_to_date

    try:
        params = with_tuned(load_params(params_file), results.tuned)
        bring_up_to_date(params, results, store, seen, ask=strict)
    except TrackingError as error:
        if strict:
            raise
        print(error, file=sys.stderr)
