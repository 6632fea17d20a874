"""Decodes images on all cores, and only those that the last ingest did not decode."""

import gc
import hashlib
import mmap
import os
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from regbench.config.compute import available_cores
from regbench.data.dataset import pixel_hash
from regbench.data.earlier_ingest import RECORD, EarlierIngest, Records
from regbench.data.images import Conversion, ImageError, decode, decoder_id
from regbench.data.sources.source import Source
from regbench.errors import WorkerDiedError
from regbench.runtime.processes import follow_parent

FORKS = "fork" in get_all_start_methods() and sys.platform != "darwin"
"""Whether a process may go on to use libraries after a fork."""
CHUNK = 250
"""Images that a worker takes at a time; fewer than two chunks are decoded without workers."""


@dataclass(frozen=True)
class Job:
    """All that a worker needs; it is inherited by fork, so that nothing of it is copied."""

    source: Source
    names: Sequence[str]
    conversion: Conversion
    earlier: EarlierIngest
    pixels: NDArray[np.uint8]
    """Shape (N, C * H * W), a file that the workers share with their parent."""
    records: Records
    """Shape (N,), memory that they share."""
    identity: str
    """What the pixels depend on besides name and content of the file."""

    def decode(self, rows: range) -> list[str]:
        """Put pixels and records of some images in their rows; return why each cannot be used ("": it can)."""
        keys = [self._key(row) for row in rows]
        found = self.earlier.find([key if key else b"" for key in keys])
        problems, records = [], np.zeros(len(rows), RECORD)
        for place, (row, key, known) in enumerate(zip(rows, keys, found, strict=True)):
            if known:
                self.pixels[row] = np.frombuffer(known[0], dtype=np.uint8)
                records[place] = known[1]
                problems.append("")
            elif self.names[row]:
                problems.append(self._decode(row, key, records[place : place + 1]))
            else:
                problems.append("")
        self.records[rows.start : rows.stop] = records
        return problems

    def _key(self, row: int) -> bytes:
        """Return the identity of an image; nothing where its file cannot be read."""
        name = self.names[row]
        try:
            identity = f"{self.identity} {self.source.checksum(name)} {name}" if name else ""
        except OSError:
            return b""
        return hashlib.blake2b(identity.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest().encode()

    def _decode(self, row: int, key: bytes, record: Records) -> str:
        try:
            pixels, own_size = decode(self.source.read(self.names[row]), self.conversion)
        except FileNotFoundError:
            return "no such file: add it, or remove the row"
        except (OSError, ImageError) as error:
            return str(error)
        record[0] = (key, pixel_hash(pixels).encode(), *own_size)
        self.pixels[row] = np.frombuffer(pixels, dtype=np.uint8)
        return ""


def decode_all(
    source: Source, names: Sequence[str], conversion: Conversion, earlier: EarlierIngest
) -> tuple[NDArray[np.uint8], Records, list[str]]:
    """Return the pixels of all images, shape (N, C * H * W), their records, and why each cannot be used ("": it can).

    Images without a name are left out. The pixels are in a temporary file, so that they take no memory of their own.
    Processes are used, since most of the time goes into Pillow's Python code, where threads wait for each other. They
    inherit all by fork, which macOS's own libraries do not survive: there one process decodes everything.

    Raises:
        WorkerDiedError: a process was killed.
    """
    length = conversion.channels * conversion.size[0] * conversion.size[1]
    pixels = _shared(len(names) * length, in_file=True).reshape(len(names), length)
    records = _shared(len(names) * RECORD.itemsize).view(RECORD)
    job = Job(source, names, conversion, earlier, pixels, records, f"{decoder_id()} {conversion}")
    chunks = [range(start, min(start + CHUNK, len(names))) for start in range(0, len(names), CHUNK)]
    workers = available_cores() if FORKS else 1
    problems: list[str] = []
    if len(chunks) < 2 or workers < 2:
        _start(job)
        for chunk in chunks:
            problems += _decode_chunk(chunk)
        return pixels, records, problems
    try:
        with ProcessPoolExecutor(workers, get_context("fork"), _start_worker, (job, os.getpid())) as pool:
            done = pool.map(_decode_chunk, chunks)
            with tqdm(total=len(names), desc="decode", unit=" images", disable=None) as progress:
                for part in done:
                    problems += part
                    progress.update(len(part))
    except BrokenProcessPool:
        raise WorkerDiedError(
            f"{source.path}: a process that decodes images was killed; perhaps memory ran out: free some, or give this "
            "process fewer cores (taskset), then start again: earlier arrays are as they were"
        ) from None
    return pixels, records, problems


def _shared(length: int, in_file: bool = False) -> NDArray[np.uint8]:
    """Return bytes that are shared with forked processes, of a temporary file or of memory; all are 0."""
    if not in_file:
        return np.frombuffer(mmap.mmap(-1, max(1, length)), np.uint8, length)
    with TemporaryFile() as file:
        file.truncate(max(1, length))
        return np.frombuffer(mmap.mmap(file.fileno(), max(1, length)), np.uint8, length)


_jobs: list[Job] = []


def _start(job: Job) -> None:
    _jobs[:] = [job]


def _start_worker(job: Job, parent: int) -> None:
    # Its siblings hold the other end of the pipe that it waits for: without its parent it would wait for ever.
    follow_parent(parent)
    # What came with the fork is left out of garbage collection, which would scan and so copy all of it.
    gc.freeze()
    _start(job)


def _decode_chunk(rows: range) -> list[str]:
    with warnings.catch_warnings():
        # Sizes are checked against our own, lower limit; broken metadata are no reason to refuse pixels.
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return _jobs[0].decode(rows)
