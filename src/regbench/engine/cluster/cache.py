"""A worker's cache of files from the head: named by their content, of bounded size."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from regbench.engine.inputs import Input, digest_of
from regbench.engine.store import UNFINISHED, Store

INPUTS = "inputs"
"""Kind of the cache's entries."""
PIECE = 2**24
"""Bytes per message."""


def open_cache(folder: str) -> Store:
    """Return the cache in a folder; where none is named, in this machine's folder of temporary files."""
    return Store(Path(folder) if folder else Path(tempfile.gettempdir()) / f"regbench-{os.getuid()}")


def find_input(cache: Store, wanted: Input) -> Path | None:
    """Return the folder that holds the files of an input, or None."""
    place = cache.find(INPUTS, wanted.digest)
    return place if place and wanted.is_in(place) else None


def pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield a file's content in pieces, each with its offset; an empty file is one empty piece."""
    with path.open("rb") as file:
        for offset in range(0, max(1, path.stat().st_size), PIECE):
            yield offset, file.read(PIECE)


def receive(cache: str, digest: str, sender: str, name: str, offset: int, piece: bytes) -> None:
    """Write a piece of a file that is being received."""
    path = _arriving(open_cache(cache), digest, sender) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if offset else "wb") as file:
        file.seek(offset)
        file.write(piece)


def complete(cache: str, wanted: Input, sender: str, gigabytes: float) -> None:
    """Enter files that have all arrived, unless their marks are others, and cut the cache back to its size."""
    store = open_cache(cache)
    folder = _arriving(store, wanted.digest, sender)
    try:
        if wanted.is_in(folder) and digest_of(folder, wanted.marks) == wanted.digest:
            place = store.place(INPUTS, wanted.digest)
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # Another worker's copy was first.
                folder.rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    store.prune(gigabytes * 1e9, keep={store.place(INPUTS, wanted.digest)})


def _arriving(store: Store, digest: str, sender: str) -> Path:
    return store.root / UNFINISHED / f"{digest}-{sender}"
