"""The protocol of sources, and what all sources share."""

from pathlib import Path
from typing import IO, Protocol

MAX_FILE = 200_000_000
"""Bytes. A larger file is refused where one image is expected, before memory is taken for it."""


class Source(Protocol):
    """Where raw files are read from. Processes forked from its owner may use it at the same time."""

    path: Path
    """The folder, archive or file, for messages."""

    def names(self) -> frozenset[str]:
        """Return the names of all regular files; hidden ones and those of `__MACOSX` are left out."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a file that holds one image or a table.

        Raises:
            FileNotFoundError: there is none.
            OSError: it is damaged, no regular file, or larger than `MAX_FILE`.
            InputError: it is reached by a link that leads outside.
        """

    def open(self, name: str) -> IO[bytes]:
        """Open a file to read it in order, however large it is; raises as `read`."""

    def checksum(self, name: str) -> str:
        """Return CRC-32 and length of a file's bytes, the same for folders and archives; raises as `read`."""


def checksum_text(crc: int, length: int) -> str:
    """Return a checksum in the form of `Source.checksum`."""
    return f"{crc:08x}-{length}"


def visible(name: str) -> bool:
    """Return whether neither the file nor a folder above it is hidden or macOS's own."""
    # As text: there are many names, and pathlib takes ten times as long.
    return "/." not in f"/{name.removeprefix('./')}" and "__MACOSX/" not in name


def refuse_large(length: int) -> None:
    """Raise OSError for a file that is too large to hold one image or a table of them."""
    if length > MAX_FILE:
        raise OSError(f"{length:,} bytes: at most {MAX_FILE:,} are read")


def unsafe_path(name: str) -> bool:
    """Return whether a member's name is absolute, leads outside, or has backslashes."""
    return name.startswith("/") or "\\" in name or ".." in name.split("/")
