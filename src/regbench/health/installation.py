"""Checks this machine: Python, packages, and disk space."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from regbench.health.finding import Finding
from regbench.layout import STORE

LOCK = Path("requirements.txt")
LOCKED = re.compile(r"^([\w.-]+)==([^\s;\\]+)")
DECIDING = ("dvc", "mlflow", "numpy", "optuna", "pandas", "pillow", "safetensors", "scipy", "torch", "torchvision")
"""Packages whose version changes results, or must match exactly."""
OLDEST = (3, 11)
ROOM = 1e9
"""Bytes that should be free."""
PLACES = (STORE, Path(".dvc/cache"), Path("mlartifacts"), Path("mlflow.db"))


def packages(project: Path) -> Iterator[Finding]:
    """Compare the installed versions that matter with the locked ones."""
    if sys.version_info < OLDEST:
        yield Finding(f"Python {platform.python_version()}", f"use {'.'.join(map(str, OLDEST))} or later")
    lines = (project / LOCK).read_text(encoding="utf-8").splitlines() if (project / LOCK).is_file() else []
    # A package may be locked twice, for older and for newer Pythons.
    locked: dict[str, list[str]] = {}
    for match in filter(None, map(LOCKED.match, lines)):
        locked.setdefault(match[1], []).append(match[2])
    wrong = []
    for name in DECIDING:
        found = _version(name)
        if name in locked and found.partition("+")[0] not in locked[name]:
            wrong.append(f"{name} is {found}, locked {' or '.join(locked[name])}")
    if wrong:
        yield Finding(f"packages: {'; '.join(wrong)}", "run `make install`")
    else:
        yield Finding(f"packages: Python {platform.python_version()}, torch {_version('torch')}, as locked")


def disk(project: Path) -> Iterator[Finding]:
    """Report the free disk space, and the size of the stores."""
    for path in PLACES:
        if (project / path).exists():
            yield Finding(f"{path}: {size_of(project / path) / 1e9:.2f} GB")
    free = shutil.disk_usage(project).free
    if free < ROOM:
        yield Finding(f"disk: {free / 1e9:.2f} GB free", "free space: `regbench clean`, `dvc gc --workspace`")
    else:
        yield Finding(f"disk: {free / 1e9:.0f} GB free")
    if not os.access(project, os.W_OK):
        yield Finding(f"{project}: cannot be written to", "give this user access to it")


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; files deleted meanwhile do not count."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for top, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(top, name)).st_size  # noqa: PTH118  (ten times as fast)
            except FileNotFoundError:
                continue
    return total


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
