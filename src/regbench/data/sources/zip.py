"""Raw files in a .zip, read member by member; nothing is extracted."""

import lzma
import mmap
import stat
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import IO, cast

from regbench.data.sources.source import checksum_text, refuse_large, unsafe_path, visible
from regbench.errors import InputError

MAX_EXPANSION = 100
"""A member over 1 MB that grows more than this many times is refused: neither table nor image does."""
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, IndexError)
"""What zipfile raises on damaged archives, besides OSError."""


class _ForkSafeMap(mmap.mmap):
    """A memory-mapped file for zipfile: forked processes share no read position, as they would with an open file."""

    def seekable(self) -> bool:
        return True


class ZipSource:
    """A .zip of raw files, read member by member.

    The whole archive is refused if any member is encrypted, a link, a duplicate, leads outside, or expands
    suspiciously: such an archive was not made by packing a folder of images.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._bytes = _ForkSafeMap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._zip = zipfile.ZipFile(cast(IO[bytes], self._bytes))
        except (*BROKEN, OSError) as error:
            raise InputError(f"{path}: not a readable zip ({error}): pack or copy it again") from None
        members = [info for info in self._zip.infolist() if not info.is_dir()]
        self._refuse_unsafe(members)
        self._members = {member.filename: member for member in members}

    def names(self) -> frozenset[str]:
        return frozenset(filter(visible, self._members))

    def read(self, name: str) -> bytes:
        member = self._member(name)
        refuse_large(member.file_size)
        try:
            if member.compress_type == zipfile.ZIP_STORED:
                return self._stored(member)
            return self._zip.read(member)
        except (*BROKEN, lzma.LZMAError) as error:
            raise OSError(f"damaged in the zip ({error})") from None

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(self._member(name))

    def checksum(self, name: str) -> str:
        member = self._member(name)
        return checksum_text(member.CRC, member.file_size)

    def _stored(self, member: zipfile.ZipInfo) -> bytes:
        """Return an uncompressed member: a slice, eight times as fast as zipfile's stream, which matters for 1 KB."""
        lengths = struct.unpack_from("<HH", self._bytes, member.header_offset + 26)  # of name and extra field
        start = member.header_offset + 30 + sum(lengths)
        content = self._bytes[start : start + member.file_size]
        if zlib.crc32(content) != member.CRC:
            raise zipfile.BadZipFile("wrong checksum")
        return content

    def _member(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._members[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def _refuse_unsafe(self, members: list[zipfile.ZipInfo]) -> None:
        reasons = [(member.filename, reason) for member in members if (reason := _unsafe(member))]
        counts = Counter(member.filename for member in members)
        reasons += [(name, f"{count} members of this name") for name, count in counts.items() if count > 1]
        if reasons:
            lines = [f"{self.path}: member {name!r}: {reason}: pack the plain files again" for name, reason in reasons]
            raise InputError("\n".join(lines[:20]))


def _unsafe(member: zipfile.ZipInfo) -> str | None:
    if unsafe_path(member.filename):
        return "its path must be relative and stay inside"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a symbolic link"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.file_size > max(1_000_000, MAX_EXPANSION * member.compress_size):
        return f"{member.compress_size} bytes expand to {member.file_size}"
    return None
