"""Store finished results by the digest of everything that determines their bits.

An entry is a folder `KIND/NAME`. It is written beside its place and renamed into it, so that it is whole or not there,
also after `kill -9`; of two processes that compute the same entry the first one's stays, which has the same bytes.
"""

import filecmp
import os
import platform
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regbench.files import atomic
from regbench.runtime.processes import is_alive

UNFINISHED = "unfinished"
"""Folder of entries that are being written."""
CHECKPOINTS = "checkpoints"
"""Folder of files from which interrupted trainings continue."""
ABANDONED = 24 * 3600
"""Seconds after which an entry that is being written, or a checkpoint, has no process any more that needs it."""
HOST = platform.node()


class Store:
    """Finished results on disk; `find` marks them as used, `prune` removes those that were not used for longest."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, kind: str, name: str) -> Path:
        """Return the folder of an entry, whether it is there or not."""
        return self.root / kind / name

    def find(self, kind: str, name: str) -> Path | None:
        """Return the folder of an entry, now marked as used, or None where there is none."""
        place = self.place(kind, name)
        try:
            os.utime(place)
        except FileNotFoundError:
            return None
        return place

    def missing(self, kind: str, names: Iterable[str]) -> set[str]:
        """Return the names of entries that are not there; the others are marked as used.

        That is one system call per name, so that checking 100,000 runs takes less than a second.
        """
        folder = f"{self.root / kind}{os.sep}"
        found: set[str] = set()
        for name in names:
            try:
                os.utime(folder + name)
            except FileNotFoundError:
                found.add(name)
        return found

    @contextmanager
    def write(self, kind: str, name: str) -> Iterator[Path]:
        """Yield an empty folder to fill; it becomes the entry on leaving, unless an exception ends the block."""
        place = self.place(kind, name)
        writer = f"{HOST}-{os.getpid()}-{time.monotonic_ns()}"
        folder = self.root / UNFINISHED / f"{kind}-{name.replace('/', '-')}-{writer}"
        folder.mkdir(parents=True)
        try:
            yield folder
            _flush(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.rename(place)
                _flush_entry(place.parent)
            except OSError:
                if not place.is_dir():
                    raise
                # Another process was first.
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def checkpoint(self, name: str) -> Path:
        """Return the file from which the training of an entry continues."""
        return self.root / CHECKPOINTS / f"{name.replace('/', '-')}.safetensors"

    def prune(self, most_bytes: float, keep: Collection[Path] = ()) -> int:
        """Remove entries, least recently used first, until the store has at most `most_bytes`; return how many.

        Entries in `keep` stay. Unfinished entries of killed processes are removed, those of other hosts after a day.
        """
        for left in [*self.root.glob(f"{UNFINISHED}/*"), *self.root.glob(f"{CHECKPOINTS}/*")]:
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > ABANDONED or _writer_died(left.name):
                    _remove(left)
        entries = sorted((entry.stat().st_mtime, entry.path, _size(files)) for entry, files in self._leaves())
        kept = {str(place) for place in keep}
        total, removed = sum(size for _, _, size in entries), 0
        for _, entry, size in entries:
            if total > most_bytes and entry not in kept:
                _remove(Path(entry))
                total -= size
                removed += 1
        return removed

    def entries(self) -> list[Path]:
        """Return the folders of all entries."""
        return [Path(entry.path) for entry, _ in self._leaves()]

    def _leaves(self) -> "Iterator[tuple[os.DirEntry[str], list[os.DirEntry[str]]]]":
        """Yield the folders of all entries, each with what is in it: read once, since there may be 100,000."""
        for kind in _children(self.root) if self.root.is_dir() else ():
            if kind.is_dir() and kind.name not in (UNFINISHED, CHECKPOINTS):
                yield from _leaves(kind)


def copy_entry(source: Path, target: Path, without: Collection[str] = ()) -> None:
    """Put the files of `source`, `without` some, into the folder `target`, whose other files go.

    Both share the disk's space if possible: results are never changed in place: writers replace files, and so does DVC.
    """
    target.mkdir(parents=True, exist_ok=True)
    files = {path.name: path for path in source.iterdir() if path.name not in without}
    keep_only(target, files)
    for name, path in files.items():
        wanted = target / name
        # DVC replaces what it took by a copy; equal files stay, so that it need not take them again.
        if wanted.is_file() and filecmp.cmp(wanted, path, shallow=False):
            continue
        wanted.unlink(missing_ok=True)
        try:
            wanted.hardlink_to(path)
        except OSError:  # Another file system, or one without links.
            with atomic(wanted) as temporary:
                shutil.copy2(path, temporary)


def keep_only(folder: Path, names: Collection[str]) -> None:
    """Remove everything in `folder` except these names: DVC treats every file in it as a result."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in names:
                _remove(path)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return _size(_children(folder)) if folder.is_dir() else 0


def _size(children: "list[os.DirEntry[str]]") -> int:
    files = sum(child.stat().st_size for child in children if child.is_file())
    return files + sum(_size(_children(child)) for child in children if child.is_dir(follow_symlinks=False))


def _leaves(folder: "os.DirEntry[str]") -> "Iterator[tuple[os.DirEntry[str], list[os.DirEntry[str]]]]":
    """Yield the uppermost folders that hold files, each with what is in it."""
    children = _children(folder)
    if any(child.is_file() for child in children):
        yield folder, children
    else:
        for child in children:
            yield from _leaves(child)


def _children(folder: "os.PathLike[str]") -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as children:
        return list(children)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _flush_entry(folder)


def _flush_entry(folder: Path) -> None:
    """Write a folder's list of names to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _writer_died(name: str) -> bool:
    """Return whether an unfinished entry's writer was a process of this host that no longer runs."""
    written = re.search(rf"-{re.escape(HOST)}-(\d+)-\d+$", name)
    return written is not None and not is_alive(int(written[1]))
