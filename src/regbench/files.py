"""Atomic writes, appending of whole lines, and content hashes. A reader never sees half a file."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from regbench.errors import StorageError, reason_of

if TYPE_CHECKING:  # Importing pandas takes longer than all that a stage without tables does.
    import pandas as pd

TEMPORARY = re.compile(r"\..+\.\d+(\.\w+)?")
BLOCK = 4096
"""Bytes per read when searching for the end of a line."""
NPY_ERRORS = (TokenError, SyntaxError, TypeError, OverflowError, MemoryError)
"""What NumPy raises, beside ValueError, for a damaged header of `.npy`: it is Python text, which Python parses."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on leaving, flush it to disk and rename it to `path`.

    Parent folders are made. After an exception the temporary file is removed and an older `path` is untouched.

    Raises:
        StorageError: the operating system refuses to write, as on a full disk.
    """
    # The suffix stays last, since writers such as pandas and Pillow choose the format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError.of(error, path) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove temporary files of `atomic` that a killed writer left in `folder`: all in it is DVC's output."""
    for path in folder.glob(".*"):
        if TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def open_to_append(path: Path) -> Iterator[BinaryIO]:
    """Yield a file of lines, open for reading and appending, under its lock and without a torn last line.

    A crash or a full disk may leave the beginning of a line; appended to, it would spoil the next line too. So what
    follows the last line break is cut off first. Other processes that append wait for the lock (flock), which ends with
    the process that holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        whole = _length_of_whole_lines(file)
        if whole < file.seek(0, os.SEEK_END):
            file.truncate(whole)
        yield file


def is_torn(path: Path) -> bool:
    """Return whether a file of lines ends with an incomplete line."""
    with path.open("rb") as file:
        return _length_of_whole_lines(file) < file.seek(0, os.SEEK_END)


def _length_of_whole_lines(file: BinaryIO) -> int:
    """Return the number of bytes up to the last line break, looked for from the end."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - BLOCK)
        file.seek(start)
        if (last := file.read(end - start).rfind(b"\n")) >= 0:
            return start + last + 1
        end = start
    return 0


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN and infinity raise ValueError (they are not JSON)."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return the parsed content of a UTF-8 JSON file; raises ValueError as `parse_json`."""
    return parse_json(path.read_text(encoding="utf-8"))


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is no JSON, or nested so deeply that Python's parser gives up.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write_csv(path: Path, table: "pd.DataFrame") -> None:
    """Write `table` without its index; floats keep the shortest text that reads back to the same number."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write `array` as `.npy`, without pickle."""
    with atomic(path) as temporary:
        np.save(temporary, array, allow_pickle=False)


def write_rows(path: Path, shape: tuple[int, ...], dtype: DTypeLike, chunks: Iterable[NDArray[Any]]) -> None:
    """Write an array of `shape` as `.npy`, given as consecutive rows, so that it need not be in memory."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        header = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk, dtype).data)


def read_array(path: Path) -> NDArray[Any]:
    """Memory-map a `.npy` file; writing to the array changes this process's copy only.

    ValueError for a pickle, and for a damaged header.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    except NPY_ERRORS as error:
        raise ValueError(f"not a .npy file: {reason_of(error)}") from None
    return array


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(content: Any) -> str:
    """Return a short hash, 16 hexadecimal digits, of a value that JSON can hold; equal values, equal digests."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
