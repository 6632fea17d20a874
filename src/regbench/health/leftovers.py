"""Find leftovers of killed processes: locks, torn lines, temporary files, unfinished trainings, begun decisions."""

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from regbench.engine.store import CHECKPOINTS, UNFINISHED
from regbench.errors import IntegrityError
from regbench.files import TEMPORARY, is_torn, parse_json
from regbench.health.finding import Finding
from regbench.layout import LIVE, STORE, TRIALS
from regbench.retraining.decision_log import Log
from regbench.retraining.paths import JobPaths
from regbench.runtime.processes import is_alive

STALE = 60
"""Seconds after which a lock that is a file, not the kernel's, has probably lost its process."""
FILE_LOCKS = (Path(".git/index.lock"), Path(f"{TRIALS}.lock"))
"""Locks of git and Optuna. DVC's own one is the kernel's."""


def locks(place: JobPaths) -> Iterator[Finding]:
    """Report which locks are held by a running process, and which were left by a dead one."""
    kernel = [*place.state.glob("*.lock"), *Path().glob("mlflow.db*.lock"), Path(".dvc/tmp/lock")]
    held = [path for path in kernel if _held(path)]
    for path in held:
        yield Finding(f"{path}: held by a process: work is under way")
    left = [path for path in FILE_LOCKS if _age(path) > STALE]
    for path in left:
        yield Finding(f"{path}: there for {_age(path) / 60:.0f} minutes", "remove it if nothing runs here")
    if not held and not left:
        yield Finding("locks: none is held")


def torn_files(place: JobPaths) -> Iterator[Finding]:
    """Name files of lines that end within a line, or hold one that cannot be read."""
    paths = [path for path in (TRIALS, *LIVE.glob("*.jsonl")) if path.is_file()]
    log = Log(place.decisions)
    wrong = False
    for path in [*paths, *([log.path] if log.path.is_file() else [])]:
        if is_torn(path):
            wrong = True
            yield Finding(f"{path}: ends within a line", "whoever appends next cuts it off: run its command again")
    for path in paths:
        if broken := _broken_line(path):
            wrong = True
            yield Finding(f"{path}: line {broken}: not JSON", "restore it from a backup, or move it away")
    try:
        log.read()
        begun = log.pending.exists()
    except IntegrityError as error:
        yield Finding(str(error).rpartition(": ")[0], "restore the file from a backup")
        return
    if begun:
        yield Finding(f"{log.pending}: a decision was begun", "run `regbench retrain`, which completes or forgets it")
    elif not wrong:
        yield Finding(f"files of lines: {len(paths) + log.path.is_file()}, all whole")


def temporary_files(place: JobPaths) -> Iterator[Finding]:
    """Name files that a killed writer left among results."""
    tops = [*place.results.folders, Path("augmented"), Path("metrics"), place.decisions, place.state]
    found = [
        Path(top) / name
        for folder in tops
        for top, _, names in os.walk(folder)
        for name in names
        if TEMPORARY.fullmatch(name) and _age(Path(top) / name) > STALE
    ]
    for path in found[:5]:
        yield Finding(f"{path}: left by a killed process", "remove it")
    if not found:
        yield Finding("temporary files: none")


def unfinished(place: JobPaths) -> Iterator[Finding]:
    """Report interrupted trainings and half-written store entries."""
    running, killed = 0, []
    for path in sorted(LIVE.glob("*.jsonl")):
        lines = path.read_bytes().split(b"\n")[:-1]
        if lines and b'"ended"' not in lines[-1]:
            alive = _alive(lines[0])
            running += alive
            killed += [] if alive else [path.stem]
    checkpoints = [path for path in (STORE / CHECKPOINTS).glob("[!.]*")]
    if killed:
        more = f" and {len(killed) - 5} more" if len(killed) > 5 else ""
        yield Finding(
            f"trainings: {', '.join(killed[:5])}{more} were killed, {len(checkpoints)} checkpoints",
            "run `dvc repro`, which continues them",
        )
    else:
        yield Finding(f"trainings: {running} running, none was killed")
    if (halves := [path for path in (STORE / UNFINISHED).glob("*") if _age(path) > STALE]) and not running:
        yield Finding(f"{STORE / UNFINISHED}: {len(halves)} half-written entries", f"remove {STORE / UNFINISHED}")


def _held(path: Path) -> bool:
    """Return whether a process has a lock of the kernel."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0


def _broken_line(path: Path) -> int:
    """Return the number of the first whole line that is not JSON; 0 if all are."""
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            parse_json(line)
        except ValueError:
            return number
    return 0


def _alive(first_line: bytes) -> bool:
    try:
        return is_alive(parse_json(first_line)["process"])
    except (ValueError, KeyError, TypeError):
        return False
