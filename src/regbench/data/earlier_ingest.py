"""Reads the result of the last ingest, so that unchanged images are not decoded again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench import files
from regbench.data.dataset import IMAGES, INDEX, SPLITS, pixel_hash
from regbench.data.sources.zip import BROKEN

PART = 20_000
"""Rows of an index that are read at a time."""
MEMORY = "decoded.npz"
"""File beside the arrays that lets the next ingest skip unchanged images: the fields of `RECORD`."""


RECORD = np.dtype([("key", "S16"), ("hash", "S64"), ("height", "<i4"), ("width", "<i4")])
"""What is known of a decoded image besides its pixels: identity of file name, encoded bytes and conversion (images of
equal keys have equal pixels); SHA-256 of the pixels, hexadecimal; size of the encoded image, pixels."""
Records = NDArray[np.void]
NOTHING: Records = np.zeros(0, RECORD)


class EarlierIngest:
    """The images that an earlier ingest left behind, by key; none where any of its files is absent or damaged."""

    def __init__(
        self,
        records: Records = NOTHING,
        splits: Sequence[NDArray[np.uint8]] = (),
        hashes: Sequence[NDArray[np.bytes_]] = (),
    ) -> None:
        """Take records, and images and pixel hashes of each split, and sort them for `find`."""
        self._records = records[np.argsort(records["key"], kind="stable")]
        self._splits = splits
        listed = np.concatenate([np.zeros(0, "S64"), *hashes])
        order = np.argsort(listed, kind="stable")
        self._hashes = listed[order]
        self._split = np.repeat(np.arange(len(hashes)), [len(part) for part in hashes])[order]
        self._row = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(part)) for part in hashes)])[order]

    @staticmethod
    def load(data_dir: Path) -> "EarlierIngest":
        """Read what ingest wrote to `data_dir`."""
        try:
            # The .npz format has checksums of its own.
            with np.load(data_dir / MEMORY, allow_pickle=False) as table:
                records = np.zeros(len(table["key"]), RECORD)
                for name in RECORD.names or ():
                    records[name] = table[name]
            images = [files.read_array(data_dir / split / IMAGES) for split in SPLITS]
            return EarlierIngest(records, images, [_read_hashes(data_dir / split / INDEX) for split in SPLITS])
        except (*BROKEN, OSError, KeyError, *files.NPY_ERRORS):
            return EarlierIngest()

    def find(self, keys: Sequence[bytes]) -> list[tuple[bytes, Records] | None]:
        """Return pixels and record of each image that is there and still has the hash it had."""
        if not len(self._records):
            return [None] * len(keys)
        records, known = _lookup(self._records["key"], np.array(keys, "S16"))
        places, held = _lookup(self._hashes, self._records["hash"][records])
        return [
            self._verified(record, place) if there else None
            for record, place, there in zip(records.tolist(), places.tolist(), (known & held).tolist(), strict=True)
        ]

    def _verified(self, record: int, place: int) -> tuple[bytes, Records] | None:
        images, row = self._splits[self._split[place]], self._row[place]
        pixels = images[row].tobytes() if row < len(images) else b""
        found = self._records[record]
        return (pixels, found) if pixel_hash(pixels).encode() == found["hash"] else None


def _read_hashes(path: Path) -> NDArray[np.bytes_]:
    """Return the column of hashes of an index, read in parts: as Python's text it takes twice the memory."""
    parts = pd.read_csv(path, dtype=str, usecols=["hash"], chunksize=PART)
    return np.concatenate([np.zeros(0, "S64"), *(part["hash"].to_numpy(dtype="S64") for part in parts)])


def _lookup(ordered: NDArray[np.bytes_], values: NDArray[np.bytes_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where values are in a sorted array, and whether they are there."""
    if not len(ordered):
        return np.zeros(len(values), np.intp), np.zeros(len(values), bool)
    places = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return places, ordered[places] == values


def write_memory(data_dir: Path, records: Records) -> None:
    """Write the records; equal records give equal bytes."""
    with files.atomic(data_dir / MEMORY) as temporary:
        columns: dict[str, Any] = {name: records[name] for name in RECORD.names or ()}
        np.savez(temporary, **columns)
