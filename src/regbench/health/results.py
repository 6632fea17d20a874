"""Checks the state of parameters, pipeline, MLflow and git."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from regbench.config.checking import load_params
from regbench.errors import IntegrityError, RegbenchError
from regbench.health.finding import Finding
from regbench.health.installation import size_of
from regbench.retraining.announced import logged_so_far, receipt_of
from regbench.retraining.decision_log import Log
from regbench.retraining.paths import JobPaths
from regbench.runtime.git import GitError, current_branch
from regbench.tracking.dvc_lock import LOCK, outputs, read_stages
from regbench.tracking.provenance import read_provenance
from regbench.tracking.receipt import Receipt, fingerprint
from regbench.tracking.store import Store, find_store


def parameters(place: JobPaths) -> Iterator[Finding]:
    """Check `params.yaml`."""
    try:
        params = load_params(place.params)
    except RegbenchError as error:
        yield from (Finding(line, "correct it") for line in str(error).splitlines())
    else:
        yield Finding(f"{place.params}: {len(params.names)} variants, {len(params.seeds)} seeds")


def pipeline(place: JobPaths) -> Iterator[Finding]:
    """Compare names, numbers and sizes of outputs with `dvc.lock`; `regbench verify` compares their bytes."""
    recorded = outputs(read_stages(Path.cwd()))
    if not recorded:
        yield Finding(f"{LOCK}: missing or unreadable", "run `dvc repro`, or restore it from git")
        return
    missing = [name for name in recorded if not Path(name).exists()]
    changed = [name for name in recorded.keys() - set(missing) if size_of(Path(name)) != recorded[name].get("size", 0)]
    if missing:
        yield Finding(f"outputs: {', '.join(missing)} missing", "run `dvc pull` or `dvc repro`")
    if changed:
        yield Finding(f"outputs: {', '.join(sorted(changed))} have other sizes than in {LOCK}", "run `dvc repro`")
    if not missing and not changed:
        yield Finding(f"outputs: all {len(recorded)} of {LOCK} are there, with their sizes")


def tracking(place: JobPaths) -> Iterator[Finding]:
    """Report what is missing in MLflow, from the receipts and the database's own file; no server is asked."""
    store = find_store(Path.cwd())
    if (place.results.reports / "comparison.csv").exists():
        seen = fingerprint([place.params, *place.results.folders])
        synced = Receipt.read(store).fingerprint == seen
        cure = "" if synced else "run `regbench sync`"
        yield Finding(f"{store.shown}: {'has all results' if synced else 'may lack results'}", cure)
    try:
        records = Log(place.decisions).read()
    except IntegrityError:
        return  # The file itself is another finding.
    if lacking := len(records) - logged_so_far(receipt_of(store, place.state), records):
        yield Finding(f"{store.shown}: lacks {lacking} decisions", "run `regbench retrain`, which logs them")
    if store.database is not None and store.database.exists():
        yield from _database(store, store.database)


def version_control(project: Path) -> Iterator[Finding]:
    """Report the branch, the commit and uncommitted changes."""
    try:
        branch = current_branch(project)
    except GitError as error:
        yield Finding("git", str(error))
        return
    if doubt := read_provenance(project).doubt:
        yield Finding(f"git: code or parameters {doubt}", "commit them: a model made now could not be made again")
    else:
        yield Finding(f"git: {branch.name} at {branch.commit[:12]}, code and parameters are committed")


def _database(store: Store, path: Path) -> Iterator[Finding]:
    """Read a few rows of a SQLite database, without changing it."""
    live = "select experiment_id from experiments where name like '%-live'"
    query = f"select count(*) from runs where status = 'RUNNING' and experiment_id not in ({live})"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as connection:
            (count,) = connection.execute(query).fetchone()
    except sqlite3.Error as error:
        yield Finding(f"{store.shown}: {error}", "restore it from a backup, or move it away and run `regbench sync`")
        return
    if count:
        yield Finding(
            f"{store.shown}: {count} runs are half logged", "run `regbench sync`, which completes or ends them"
        )
    elif not os.access(path, os.W_OK):
        yield Finding(f"{store.shown}: cannot be written to", "give this user access to it")
