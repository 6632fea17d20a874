"""A source of raw files in memory."""

import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from regbench.data.sources.source import checksum_text, refuse_large


class MemorySource:
    """Files by name, as a folder would hold them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.path = Path("raw")
        self.files = files

    @classmethod
    def of(cls, folder: Path) -> "MemorySource":
        """Return the files of a folder."""
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return cls({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})

    def names(self) -> frozenset[str]:
        return frozenset(self.files)

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            refuse_large(len(self.files[name]))
            return file.read()

    def open(self, name: str) -> IO[bytes]:
        if name not in self.files:
            raise FileNotFoundError(name)
        return io.BytesIO(self.files[name])

    def checksum(self, name: str) -> str:
        return checksum_text(zlib.crc32(content := self.read(name)), len(content))
