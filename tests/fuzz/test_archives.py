"""Whatever is in an archive: files below its top, each once, or the whole of it is refused; nothing is written."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzzing import Tally, check_message, damaged
from support.layouts import image_bytes, noise

from regbench.data.sources import open_source
from regbench.data.sources.source import MAX_FILE

Member = tuple[str, bytes, str]
"""Name, content, kind."""
PLAIN: tuple[Member, ...] = tuple((f"ant/{number}.png", image_bytes(noise(number)), "file") for number in range(3))
METHODS = {
    "stored.zip": zipfile.ZIP_STORED,
    "deflated.zip": zipfile.ZIP_DEFLATED,
    "bzip2.zip": zipfile.ZIP_BZIP2,
    "lzma.zip": zipfile.ZIP_LZMA,
}
KINDS = (*METHODS, "plain.tar", "packed.tar.gz")
PARTS = ("ant", "bee", "..", ".", "", "/", "\\", "C:", "a b", ".hidden", "__MACOSX", "1.png", "\x1b[2J", "é", "x" * 300)
NAMES = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), min_size=1, max_size=4).map("/".join)
CONTENTS = st.sampled_from([PLAIN[0][1], b"", b"label\n", bytes(20_000), bytes(3_000_000)])
MEMBERS = st.lists(
    st.tuples(NAMES, CONTENTS, st.sampled_from(["file", "file", "file", "link", "folder", "device"])), max_size=4
)


def pack(kind: str, members: Sequence[Member]) -> bytes:
    """Return an archive; names that its format cannot hold are left out."""
    buffer = io.BytesIO()
    if kind in METHODS:
        with zipfile.ZipFile(buffer, "w", METHODS[kind]) as archive:
            for name, content, what in members:
                _zip(archive, name, content, what, METHODS[kind])
        return buffer.getvalue()
    types = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "folder": tarfile.DIRTYPE, "device": tarfile.CHRTYPE}
    with tarfile.open(fileobj=buffer, mode="w", errors="surrogateescape") as archive_:
        for name, content, what in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = (
                types[what],
                len(content) if what == "file" else 0,
                "/etc/passwd",
            )
            archive_.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), 1) if kind.endswith("gz") else buffer.getvalue()


def _zip(archive: zipfile.ZipFile, name: str, content: bytes, what: str, method: int) -> None:
    member = zipfile.ZipInfo(f"{name}/" if what == "folder" else name)
    member.external_attr = (stat.S_IFLNK if what == "link" else stat.S_IFREG) << 16
    archive.writestr(member, b"" if what == "folder" else content, method)


def read(path: Path) -> None:
    """Open an archive and read all of it, in both ways, as ingest does."""
    source = open_source(path)
    for name in source.names():
        assert not name.startswith("/") and ".." not in name.split("/") and "\\" not in name
        try:
            content = source.read(name)
            with source.open(name) as file:
                streamed = file.read(MAX_FILE + 1)
            checksum = source.checksum(name)
        except OSError as error:
            check_message(str(error))
        else:
            assert content == streamed and checksum.endswith(f"-{len(content)}")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_archive(kind: str, tmp_path: Path, tally: Tally) -> None:
    path, whole = tmp_path / kind, pack(kind, PLAIN)

    @given(content=damaged([whole]))
    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        tally.attempt(lambda: read(path))

    try_one()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["deflated.zip", "plain.tar", "packed.tar.gz"])
def test_any_members(kind: str, tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / kind

    @given(members=MEMBERS)
    def try_one(members: Sequence[Member]) -> None:
        try:
            path.write_bytes(pack(kind, members))
        except (ValueError, UnicodeError):
            return  # A name that no archive can hold.
        tally.attempt(lambda: read(path))

    try_one()
    assert list(tmp_path.iterdir()) == [path]
