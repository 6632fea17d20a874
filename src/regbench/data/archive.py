"""Raw files from a folder or a zip, under the same names; nothing is extracted, and nothing outside is ever read."""

import mmap
import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

from regbench.errors import InputError

MAX_EXPANSION = 100
"""A zip member over 1 MB that grows more than this many times is refused: neither CSV nor image does."""


class Source(Protocol):
    """Where raw files are read from. Processes forked from its owner may use it at the same time."""

    path: Path
    """The folder or zip, for messages."""

    def names(self, folder: str) -> set[str]:
        """Return the names of all files below `folder`."""

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""

    def read(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            FileNotFoundError: there is none.
            OSError: it is damaged or not a file.
            InputError: it is reached by a link that leads outside.
        """

    def checksum(self, name: str) -> str:
        """Return CRC-32 and length of a file's bytes, the same for folder and zip; raises as `read`."""


def open_source(path: Path, csv: str) -> Source:
    """Open a folder or a .zip whose files stand at the top or under one top folder, wherever `csv` is.

    Raises:
        InputError: there is no such path, not exactly one `csv` in it, or a zip that is damaged or unsafe.
    """
    if path.is_dir():
        return FolderSource(path, csv)
    if path.is_file():
        return ZipSource(path, csv)
    raise InputError(f"params.yaml: data.raw = '{path}': no such folder or .zip: give the path of your images")


class FolderSource:
    """A folder of raw files; `top` is the folder, or the one in it, that their names are relative to."""

    def __init__(self, path: Path, csv: str) -> None:
        self.path = path
        folders = [PurePosixPath(folder.name) for folder in path.iterdir() if folder.is_dir()]
        present = [str(name) for folder in folders if (path / (name := folder / csv)).is_file()]
        if (path / csv).is_file():
            present.append(csv)
        self.top = path / _top_folder(path, csv, present)
        self._root = f"{path.resolve()}{os.sep}"

    def names(self, folder: str) -> set[str]:
        found: set[str] = set()
        for directory, _, names in os.walk(self.top / folder, followlinks=True):
            below = PurePosixPath(Path(directory).relative_to(self.top))
            found.update(str(below / name) for name in names)
        return found

    def has(self, name: str) -> bool:
        return (self.top / name).is_file()

    def read(self, name: str) -> bytes:
        # Resolved each time: a link may stand anywhere in the path.
        path = os.path.realpath(os.path.join(self.top, name))  # noqa: PTH118 (pathlib takes five times as long)
        if not path.startswith(self._root):
            raise InputError(f"{self.path / name}: leads outside {self.path}: replace the link by what it points to")
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()

    def checksum(self, name: str) -> str:
        return _checksum(zlib.crc32(content := self.read(name)), len(content))


class _ForkSafeMap(mmap.mmap):
    """A memory-mapped file for zipfile: forked processes share no read position, as they would with an open file."""

    def seekable(self) -> bool:
        return True


class ZipSource:
    """A .zip of raw files, read member by member.

    The whole archive is refused if any member is encrypted, a link, a duplicate, leads outside, or expands
    suspiciously: such an archive was not made by packing a folder of images.
    """

    def __init__(self, path: Path, csv: str) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._bytes = _ForkSafeMap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._zip = zipfile.ZipFile(cast(IO[bytes], self._bytes))
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise InputError(f"{path}: not a readable zip ({error}): pack or copy it again") from None
        members = [info for info in self._zip.infolist() if not info.is_dir()]
        self._refuse_unsafe(members)
        present = [m.filename for m in members if m.filename == csv or m.filename.partition("/")[2] == csv]
        top = _top_folder(path, csv, present)
        prefix = f"{top}/" if top else ""
        self._members = {m.filename.removeprefix(prefix): m for m in members if m.filename.startswith(prefix)}

    def names(self, folder: str) -> set[str]:
        prefix = prefix_of(folder)
        return {name for name in self._members if name.startswith(prefix)}

    def has(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        member = self._member(name)
        try:
            if member.compress_type == zipfile.ZIP_STORED:
                return self._stored(member)
            return self._zip.read(member)
        except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError) as error:
            raise OSError(f"damaged in the zip ({error})") from None

    def checksum(self, name: str) -> str:
        member = self._member(name)
        return _checksum(member.CRC, member.file_size)

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


def prefix_of(folder: str) -> str:
    """Return what the names of files in `folder` start with; `.` and the empty text mean the top."""
    normal = str(PurePosixPath(folder))
    return "" if normal == "." else f"{normal}/"


def _unsafe(member: zipfile.ZipInfo) -> str | None:
    if member.filename.startswith("/") or "\\" in member.filename or ".." in member.filename.split("/"):
        return "its path must be relative and stay inside"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a symbolic link"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.file_size > max(1_000_000, MAX_EXPANSION * member.compress_size):
        return f"{member.compress_size} bytes expand to {member.file_size}"
    return None


def _top_folder(path: Path, csv: str, present: list[str]) -> str:
    """Return the one folder under which `csv` is present, "" for the top itself."""
    if csv in present:
        return ""
    tops = [name.removesuffix(f"/{csv}") for name in present]
    if len(tops) == 1:
        return tops[0]
    found = f"under several folders ({', '.join(sorted(tops)[:3])})" if tops else "missing"
    raise InputError(f"{path}: {csv}: {found}: it must be at the top or under one top folder; see data.train_csv")


def _checksum(crc: int, length: int) -> str:
    return f"{crc:08x}-{length}"
