"""Raw files in a folder. Nothing outside the folder is read."""

import os
import stat
import zlib
from pathlib import Path
from typing import IO

from regbench.data.sources.source import checksum_text, refuse_large, visible
from regbench.errors import InputError


class FolderSource:
    """A folder of raw files; `only` restricts it to one of them."""

    def __init__(self, path: Path, only: str | None = None) -> None:
        self.path = path / only if only else path
        self.top = path
        """What the names are relative to."""
        self._only = only
        self._root = f"{path.resolve()}{os.sep}"
        self._names: frozenset[str] | None = None

    def names(self) -> frozenset[str]:
        if self._names is None:
            self._names = frozenset([self._only] if self._only else self._walk())
        return self._names

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            refuse_large(os.fstat(file.fileno()).st_size)
            return file.read()

    def open(self, name: str) -> IO[bytes]:
        # Resolved each time: any part of the path may be a link.
        path = os.path.realpath(os.path.join(self.top, name))  # noqa: PTH118 (pathlib takes five times as long)
        if not path.startswith(self._root):
            raise InputError(f"{self.path / name}: leads outside {self.path}: replace the link by what it points to")
        # Not blocking: opening a pipe without a writer would wait forever.
        file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # noqa: PTH123, SIM115
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise OSError("not a regular file")
        return file

    def checksum(self, name: str) -> str:
        return checksum_text(zlib.crc32(content := self.read(name)), len(content))

    def _walk(self) -> list[str]:
        """Return the names of all visible regular files; a linked folder is walked once."""
        found: list[str] = []
        walked: set[str] = set()
        for directory, folders, names in os.walk(self.top, followlinks=True):
            below = os.path.relpath(directory, self.top)
            prefix = "" if below == "." else f"{below.replace(os.sep, '/')}/"
            found += [prefix + name for name in names if visible(name) and not _special(directory, name)]
            walked.add(os.path.realpath(directory))
            folders[:] = sorted(folder for folder in folders if visible(folder))
            for folder in list(folders):
                path = os.path.realpath(os.path.join(directory, folder))  # noqa: PTH118
                if not f"{path}{os.sep}".startswith(self._root):
                    raise InputError(
                        f"{os.path.join(directory, folder)}: leads outside {self.path}: "  # noqa: PTH118
                        "replace the link by what it points to"
                    )
                if path in walked:
                    folders.remove(folder)
        return found


def _special(directory: str, name: str) -> bool:
    """Return whether a name is a pipe, socket or device; a broken link counts as a file, so that it gets a message."""
    try:
        mode = os.stat(os.path.join(directory, name)).st_mode  # noqa: PTH116, PTH118
    except OSError:
        return False
    return not stat.S_ISREG(mode)
