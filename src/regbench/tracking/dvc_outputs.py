"""Compares the pipeline's outputs with `dvc.lock`, byte by byte.

DVC itself trusts names, times and sizes: it restores a changed file of its cache without a word
(https://github.com/iterative/dvc/issues/5978). `dvc.lock` is under git, and so the record that an edit of a file, or of
the cache, does not change. Its hashes are MD5: they show damage and tampering with files, but not files that somebody
made as pairs of equal hashes.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from regbench.errors import IntegrityError
from regbench.files import parse_json
from regbench.tracking.dvc_lock import LOCK, outputs, read_stages

CACHE = Path(".dvc/cache/files/md5")
CURE = "remove it and its copy in .dvc/cache, then `dvc pull`, or `dvc repro --force`"


def require_recorded(project: Path, names: Iterable[Path]) -> None:
    """Reject outputs that differ from `dvc.lock`; outputs that it does not list are not checked.

    Raises:
        IntegrityError: a line for each file that is missing, changed or was added.
    """
    recorded = outputs(read_stages(project))
    problems = [line for name in names if str(name) in recorded for line in compare(project, str(name), recorded)]
    if problems:
        raise IntegrityError("\n".join(problems))


def compare(project: Path, name: str, recorded: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with an output, a line for each file; empty if it is as recorded."""
    path, expected = project / name, str(recorded[name].get("md5", ""))
    if not path.exists():
        return [f"{name}: is missing, and {LOCK} records it: run `dvc pull` or `dvc repro`"]
    if not expected.endswith(".dir"):
        return [] if md5(path) == expected else [f"{name}: its MD5 is not that in {LOCK}: {CURE}"]
    found = {file.relative_to(path).as_posix(): md5(file) for file in path.rglob("*") if file.is_file()}
    if folder_md5(found) == expected:
        return []
    listed = _listing(project, expected)
    if listed is None:
        return [f"{name}: its files are not those that {LOCK} records: {CURE}"]
    wrong = [f"{name}/{file}: is missing: run `dvc pull` or `dvc repro`" for file in sorted(listed.keys() - found)]
    wrong += [f"{name}/{file}: {LOCK} records no such file: remove it" for file in sorted(found.keys() - listed)]
    both = sorted(found.keys() & listed)
    return wrong + [f"{name}/{f}: its MD5 is not that in {LOCK}: {CURE}" for f in both if found[f] != listed[f]]


def md5(path: Path) -> str:
    """Return the hexadecimal MD5 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_md5(files: Mapping[str, str]) -> str:
    """Return DVC's hash of a folder: that of a list of its files' names and hashes."""
    entries = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    return f"{hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest()}.dir"


def _listing(project: Path, expected: str) -> dict[str, str] | None:
    """Return the hashes of a folder's files as DVC's cache lists them, if the list is there and has its own hash."""
    try:
        content = (project / CACHE / expected[:2] / expected[2:]).read_bytes()
        files = {entry["relpath"]: entry["md5"] for entry in parse_json(content)}
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return files if folder_md5(files) == expected else None
