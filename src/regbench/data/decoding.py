"""Decodes all images of a data set on all cores, and only those that the last time did not."""

import gc
import hashlib
import mmap
import os
import warnings
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from regbench import files
from regbench.data.archive import Source
from regbench.data.dataset import IMAGES, SPLITS, pixel_hash, read_index
from regbench.data.images import ImageError, decode, decoder_id

CHUNK = 250
"""Images that a worker takes at a time; fewer than two chunks are decoded without workers."""


MEMORY = "decoded.npz"
"""File beside the arrays that lets the next ingest skip unchanged images: the columns of `Record`."""


class Record(NamedTuple):
    """What is known of a decoded image besides its pixels."""

    key: str
    """Identity of file name, encoded bytes and conversion: images of equal keys have equal pixels."""
    hash: str
    """SHA-256 of the pixels, hexadecimal."""
    height: int
    """Of the encoded image, pixels."""
    width: int


@dataclass(frozen=True)
class EarlierIngest:
    """The images that an earlier ingest left behind, by key; none where any of its files is absent or damaged."""

    records: dict[str, Record] = field(default_factory=dict)
    places: dict[str, tuple[NDArray[np.uint8], int]] = field(default_factory=dict)
    """By pixel hash: an array of images and the row in it."""

    @staticmethod
    def load(data_dir: Path) -> "EarlierIngest":
        """Read what ingest wrote to `data_dir`."""
        earlier = EarlierIngest()
        try:
            # The .npz format has checksums of its own.
            with np.load(data_dir / MEMORY, allow_pickle=False) as table:
                columns = [
                    table[name].astype(str if name in ("key", "hash") else int).tolist() for name in Record._fields
                ]
            earlier.records.update({record.key: record for record in map(Record._make, zip(*columns, strict=True))})
            for split in SPLITS:
                images = files.read_array(data_dir / split / IMAGES)
                hashes = read_index(data_dir, split)["hash"]
                earlier.places.update({digest: (images, row) for row, digest in enumerate(hashes)})
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return EarlierIngest()
        return earlier

    def find(self, key: str) -> tuple[bytes, Record] | None:
        """Return pixels and record of an image, if they are there and still have the hash they had."""
        record = self.records.get(key)
        if record is None or record.hash not in self.places:
            return None
        images, row = self.places[record.hash]
        pixels = images[row].tobytes() if row < len(images) else b""
        return (pixels, record) if pixel_hash(pixels) == record.hash else None


@dataclass(frozen=True)
class Job:
    """All that a worker needs; it is inherited by fork, so that nothing of it is copied."""

    source: Source
    names: Sequence[str]
    channels: int
    size: tuple[int, int]
    """Height and width that images are brought to, pixels."""
    earlier: EarlierIngest
    pixels: NDArray[np.uint8]
    """Shape (N, C * H * W), memory that the workers share with their parent."""
    conversion: str
    """What the pixels depend on besides name and content of the file."""

    def decode(self, row: int) -> Record | str:
        """Put the pixels of one image in their row; return its record, or why it cannot be used."""
        name = self.names[row]
        try:
            identity = f"{self.conversion} {self.source.checksum(name)} {name}"
            key = hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()
            found = self.earlier.find(key)
            if found is None:
                encoded_pixels, own_size = decode(self.source.read(name), self.channels, self.size)
                found = encoded_pixels, Record(key, pixel_hash(encoded_pixels), *own_size)
        except FileNotFoundError:
            return "no such file"
        except (OSError, ImageError) as error:
            return str(error)
        self.pixels[row] = np.frombuffer(found[0], dtype=np.uint8)
        return found[1]


def write_memory(data_dir: Path, records: pd.DataFrame) -> None:
    """Write the columns of `Record`; equal records give equal bytes."""
    with files.atomic(data_dir / MEMORY) as temporary:
        columns: dict[str, Any] = {name: records[name].to_numpy() for name in Record._fields}
        # As bytes: NumPy's own text takes four bytes a character.
        np.savez(temporary, **columns | {name: columns[name].astype("S") for name in ("key", "hash")})


def decode_all(
    source: Source, names: Sequence[str], channels: int, size: tuple[int, int], earlier: EarlierIngest
) -> tuple[NDArray[np.uint8], list[Record | str]]:
    """Return the pixels of all images, shape (N, C * H * W), and for each its record or why it cannot be used.

    Processes are used, since most of the time goes into Pillow's Python code, where threads wait for each other.
    """
    length = channels * size[0] * size[1]
    shared = mmap.mmap(-1, max(1, len(names) * length))
    pixels = np.frombuffer(shared, dtype=np.uint8, count=len(names) * length).reshape(len(names), length)
    job = Job(source, names, channels, size, earlier, pixels, f"{decoder_id()} {channels} {size}")
    chunks = [range(start, min(start + CHUNK, len(names))) for start in range(0, len(names), CHUNK)]
    workers = len(os.sched_getaffinity(0))
    results: list[Record | str] = []
    if len(chunks) < 2 or workers < 2:
        _start(job)
        for chunk in chunks:
            results += _decode_chunk(chunk)
        return pixels, results
    with ProcessPoolExecutor(workers, get_context("fork"), _start_worker, (job,)) as pool:
        done = pool.map(_decode_chunk, chunks)
        with tqdm(total=len(names), desc="decode", unit=" images", disable=None) as progress:
            for part in done:
                results += part
                progress.update(len(part))
    return pixels, results


_jobs: list[Job] = []


def _start(job: Job) -> None:
    _jobs[:] = [job]


def _start_worker(job: Job) -> None:
    # What came with the fork is left out of garbage collection, which would scan and so copy all of it.
    gc.freeze()
    _start(job)


def _decode_chunk(rows: range) -> list[Record | str]:
    with warnings.catch_warnings():
        # Sizes are checked against our own, lower limit.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return [_jobs[0].decode(row) for row in rows]
