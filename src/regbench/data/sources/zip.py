"""Raw files in a .zip, read member by member; nothing is extracted."""

import io
import lzma
import mmap
import stat
import struct
import zipfile
import zlib
from array import array
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from regbench.data.sources.source import checksum_text, refuse_large, unsafe_path, visible
from regbench.errors import InputError, reason_of

T = TypeVar("T")
MAX_EXPANSION = 100
"""A member over 1 MB that grows more than this many times is refused: neither table nor image does."""
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, ValueError, IndexError),
)
"""What zipfile raises on damaged archives, besides OSError."""


class _ForkSafeMap(mmap.mmap):
    """A memory-mapped file for zipfile: forked processes share no read position, as they would with an open file."""

    def seekable(self) -> bool:
        return True


class _Stream(io.RawIOBase):
    """A member as it is unpacked; OSError where it is damaged, whatever its method of compression raises."""

    def __init__(self, member: IO[bytes]) -> None:
        self._member = member

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._whole(lambda: self._member.seek(offset, whence))

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        content = self._whole(lambda: self._member.read(len(view)))
        view[: len(content)] = content
        return len(content)

    def _whole(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except BROKEN as error:
            raise _damaged(error) from None


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
            members = _Directory(cast(IO[bytes], self._bytes)).members
        except (*BROKEN, OSError) as error:
            raise InputError(f"{path}: not a readable zip ({reason_of(error)}): pack or copy it again") from None
        self._refuse_unsafe(members)
        self._fields = members.fields
        self._names = frozenset(filter(visible, members.names))
        self._rows = {name: row for row, name in enumerate(members.names)}

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(cast(IO[bytes], self._bytes))

    def names(self) -> frozenset[str]:
        return self._names

    def read(self, name: str) -> bytes:
        offset, method, packed, length, crc = self._member(name)
        refuse_large(length)
        try:
            if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return self._archive.read(name)
            content = self._packed(offset, packed)
            if method == zipfile.ZIP_DEFLATED:
                content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, length + 1)
            if len(content) != length or zlib.crc32(content) != crc:
                raise zipfile.BadZipFile("wrong length or checksum")
            return content
        except BROKEN as error:
            raise _damaged(error) from None

    def open(self, name: str) -> IO[bytes]:
        self._member(name)
        try:
            return io.BufferedReader(_Stream(self._archive.open(name)))
        except BROKEN as error:
            raise _damaged(error) from None

    def checksum(self, name: str) -> str:
        _, _, _, length, crc = self._member(name)
        return checksum_text(crc, length)

    def _packed(self, offset: int, length: int) -> bytes:
        """Return a member's bytes as they are stored: a slice, eight times as fast as zipfile's stream."""
        lengths = struct.unpack_from("<HH", self._bytes, offset + 26)  # of name and extra field
        start = offset + 30 + sum(lengths)
        return self._bytes[start : start + length]

    def _member(self, name: str) -> tuple[int, int, int, int, int]:
        """Return offset of the header, method, packed length, length and CRC."""
        try:
            start = len(FIELDS) * self._rows[name]
        except KeyError:
            raise FileNotFoundError(name) from None
        offset, method, packed, length, crc = self._fields[start : start + len(FIELDS)]
        return offset, method, packed, length, crc

    def _refuse_unsafe(self, members: "_Members") -> None:
        repeated = [(name, f"{n} members of this name") for name, n in Counter(members.names).items() if n > 1]
        if reasons := members.unsafe + repeated:
            lines = [f"{self.path}: member {name!r}: {reason}: pack the plain files again" for name, reason in reasons]
            raise InputError("\n".join(lines[:20]))


FIELDS = ("header_offset", "compress_type", "compress_size", "file_size", "CRC")
"""What is kept of a member."""


class _Members(list[zipfile.ZipInfo]):
    """Takes zipfile's records one by one and keeps what is needed of them: they take ten times as much memory."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.fields = array("q")
        self.unsafe: list[tuple[str, str]] = []

    def append(self, member: zipfile.ZipInfo) -> None:
        if member.is_dir():
            return
        self.names.append(member.filename)
        self.fields.extend(getattr(member, name) for name in FIELDS)
        if reason := _unsafe(member):
            self.unsafe.append((member.filename, reason))


class _Nothing(dict[str, zipfile.ZipInfo]):
    """A dictionary that keeps nothing."""

    def __setitem__(self, key: str, value: zipfile.ZipInfo) -> None:
        pass


class _Directory(zipfile.ZipFile):
    """Reads the list of members into `members`."""

    members: _Members

    def _RealGetContents(self) -> None:  # noqa: N802  (where zipfile fills both)
        self.filelist = self.members = _Members()
        self.NameToInfo = _Nothing()
        super()._RealGetContents()  # type: ignore[misc]


def _damaged(error: Exception) -> OSError:
    return OSError(f"damaged in the zip ({reason_of(error)})")


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
