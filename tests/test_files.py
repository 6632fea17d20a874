"""Files of whole lines, and what becomes of them when a writer is killed or a disk is full."""

import errno
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.disks import fill, small_disk
from support.project import ROOT, environment

from regbench.errors import StorageError
from regbench.files import BLOCK, atomic, is_torn, open_to_append, write_array, write_csv, write_json

pytestmark = pytest.mark.fault

APPENDER = """
import json, os, sys
from pathlib import Path
from regbench.files import open_to_append
number = 0
while True:
    with open_to_append(Path(sys.argv[1])) as file:
        line = json.dumps({"process": os.getpid(), "number": number, "text": "x" * 20_000}).encode() + b"\\n"
        file.write(line[:9000])
        file.flush()
        file.write(line[9000:])
    number += 1
"""


def append(path: Path, line: bytes) -> None:
    with open_to_append(path) as file:
        file.write(line)


def test_lines_are_appended_wherever_an_earlier_line_was_torn(tmp_path: Path) -> None:
    lines = [b'{"a": 1}\n', b"\n", b'{"b": 22}\n', b"last\n"]
    whole = b"".join(lines)
    for length in range(len(whole) + 1):
        path = tmp_path / str(length)
        path.write_bytes(whole[:length])
        kept = whole[: whole.rfind(b"\n", 0, length) + 1]
        assert is_torn(path) == (kept != whole[:length])
        append(path, b"new\n")
        assert path.read_bytes() == kept + b"new\n"
        assert not is_torn(path)


@pytest.mark.parametrize("torn", [b"x" * (3 * BLOCK), bytes(BLOCK), b"x" * (BLOCK - 1), b"x" * BLOCK])
@pytest.mark.parametrize("before", [b"", b"\n", b"first\n", b"y" * BLOCK + b"\n"])
def test_a_torn_line_of_any_length_is_cut(tmp_path: Path, before: bytes, torn: bytes) -> None:
    """Zeros are what a crash of the machine may leave."""
    path = tmp_path / "file"
    path.write_bytes(before + torn)
    append(path, b"new\n")
    assert path.read_bytes() == before + b"new\n"


def test_writers_that_are_killed_at_any_moment_leave_whole_lines(tmp_path: Path) -> None:
    """Eight, one after the other, of which two append at a time, each line in two writes."""
    path = tmp_path / "folder/file"
    command = [sys.executable, "-c", APPENDER, str(path)]
    writers = [subprocess.Popen(command, env=environment(ROOT)) for _ in range(2)]
    for number in range(8):
        size, deadline = path.stat().st_size if path.exists() else 0, time.monotonic() + 60
        while not path.exists() or path.stat().st_size < size + 100_000:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        writer = writers.pop(0)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        if number < 6:
            writers.append(subprocess.Popen(command, env=environment(ROOT)))
    append(path, b'{"process": 0, "number": 0}\n')
    found: dict[int, int] = {}  # Process -> number of its last line.
    for line in path.read_text().splitlines():
        record = json.loads(line)
        assert record["number"] == found.get(record["process"], -1) + 1, "none lost, none doubled"
        found[record["process"]] = record["number"]
    assert len(found) > 2


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return tmp_path / "disk"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.json", lambda path, size: write_json(path, list(range(size)))),
        ("a.npy", lambda path, size: write_array(path, np.zeros(size))),
        ("a.csv", lambda path, size: write_csv(path, pd.DataFrame({"a": range(size)}))),
    ],
)
def test_a_full_disk_leaves_the_older_file_and_says_which(
    disk: Path, name: str, write: Callable[[Path, int], None]
) -> None:
    with small_disk(disk, 200):
        path = disk / "folder" / name
        write(path, 3)
        old = path.read_bytes()
        filler = fill(disk)
        with pytest.raises(StorageError, match=rf"folder/{name}: No space left on device: free space on its disk"):
            write(path, 9999)
        assert path.read_bytes() == old
        assert [found.name for found in path.parent.iterdir()] == [name]
        filler.unlink()
        write(path, 9999)
        assert path.stat().st_size > len(old)


def test_a_line_that_a_full_disk_tore_is_cut_when_there_is_room(disk: Path) -> None:
    with small_disk(disk, 200):
        append(disk / "lines", b"first\n")
        filler = fill(disk)
        with pytest.raises(OSError) as caught:
            append(disk / "lines", b"x" * 20_000 + b"\n")
        assert caught.value.errno == errno.ENOSPC
        filler.unlink()
        append(disk / "lines", b"second\n")
        assert (disk / "lines").read_bytes() == b"first\nsecond\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(StorageError, match=r"file/inner/x.json: (Not a directory|File exists)"),
        atomic(tmp_path / "file/inner/x.json"),
    ):
        pass
