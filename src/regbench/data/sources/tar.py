"""Raw files in a .tar, compressed or not; nothing is extracted by name."""

import gzip
import mmap
import tarfile
import zlib
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from regbench.data.sources.source import checksum_text, refuse_large, unsafe_path, visible
from regbench.errors import InputError, reason_of

MAX_EXPANSION = 1_000
"""A compressed archive that grows more than this many times is refused while it is unpacked."""
CHUNK = 1 << 20
"""Bytes."""


class TarSource:
    """A .tar of raw files; a compressed one is unpacked once into a temporary file, since it cannot be read in parts.

    The whole archive is refused if any member is a link, a duplicate, no regular file, or leads outside.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes = _map(_plain(path))
            with tarfile.open(fileobj=self._bytes, mode="r:") as archive:
                members = [member for member in archive if not member.isdir()]
        except (tarfile.TarError, ValueError, EOFError, OSError, zlib.error) as error:
            raise InputError(f"{path}: not a readable tar ({reason_of(error)}): pack or copy it again") from None
        self._refuse_unsafe(members)
        self._names = frozenset(filter(visible, (_plain_name(m.name) for m in members)))
        self._places = {_plain_name(m.name): (m.offset_data, m.size) for m in members}

    def names(self) -> frozenset[str]:
        return self._names

    def read(self, name: str) -> bytes:
        try:
            start, length = self._places[name]
        except KeyError:
            raise FileNotFoundError(name) from None
        refuse_large(length)
        if start + length > len(self._bytes):
            raise OSError("cut off in the tar")
        return self._bytes[start : start + length]

    def open(self, name: str) -> IO[bytes]:
        start, length = self._places[name]
        file = TemporaryFile()  # noqa: SIM115
        for at in range(start, start + length, CHUNK):
            file.write(self._bytes[at : min(at + CHUNK, start + length)])
        file.seek(0)
        return file

    def checksum(self, name: str) -> str:
        return checksum_text(zlib.crc32(content := self.read(name)), len(content))

    def _refuse_unsafe(self, members: list[tarfile.TarInfo]) -> None:
        lines, seen = [], set()
        for member in members:
            name = _plain_name(member.name)
            reason = _unsafe(member, name) or ("2 members of this name" if name in seen else None)
            seen.add(name)
            if reason:
                lines.append(f"{self.path}: member {member.name!r}: {reason}: pack the plain files again")
        if lines:
            raise InputError("\n".join(lines[:20]))


class _MappedTar(mmap.mmap):
    """A memory-mapped file for tarfile: forked processes share no read position."""

    def seekable(self) -> bool:
        return True


def _map(file: IO[bytes]) -> _MappedTar:
    with file:
        return _MappedTar(file.fileno(), 0, access=mmap.ACCESS_READ)


def _plain(path: Path) -> IO[bytes]:
    """Return the archive, uncompressed, as a file that may be mapped."""
    if path.name.lower().endswith(".tar"):
        return path.open("rb")
    file = TemporaryFile()  # noqa: SIM115
    most = max(100 * CHUNK, MAX_EXPANSION * path.stat().st_size)
    with gzip.open(path) as packed:
        while chunk := packed.read(CHUNK):
            if file.tell() > most:
                raise ValueError(f"expands more than {MAX_EXPANSION} times")
            file.write(chunk)
    file.flush()
    return file


def _plain_name(name: str) -> str:
    """Return a member's name without the leading `./` that `tar c .` writes."""
    return name.removeprefix("./")


def _unsafe(member: tarfile.TarInfo, name: str) -> str | None:
    if unsafe_path(name):
        return "its path must be relative and stay inside"
    return None if member.isreg() else "is a link or no regular file"
