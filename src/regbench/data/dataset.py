"""The ingested data set as later stages read it: classes, shape, and an array with its index for each split."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench import files
from regbench.errors import IntegrityError, reason_of

SplitName = Literal["train", "validation", "test", "unlabelled"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test", "unlabelled")
COLUMNS = ("filename", "label", "split", "hash")
GROUP = "group"
"""A further column where images have groups."""
IMAGES, INDEX = "images.npy", "index.csv"
"""The files of a split, in a folder of its name."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


@dataclass(frozen=True)
class DataShape:
    """What the network's inputs and outputs follow from."""

    classes: tuple[str, ...]
    """Labels in output order."""
    channels: int
    """1 grayscale, 3 RGB."""
    height: int
    """Pixels."""
    width: int
    """Pixels."""

    @property
    def image(self) -> tuple[int, int, int]:
        """Return the shape (C, H, W) of one image."""
        return self.channels, self.height, self.width

    @property
    def pixels(self) -> int:
        """Return the number of values of one image, C * H * W."""
        return self.channels * self.height * self.width


@dataclass(frozen=True, eq=False)
class Split:
    """One split, rows in the order of the index."""

    images: NDArray[np.uint8]
    """Shape (N, C, H, W), 0..255, memory-mapped; changes never reach the file."""
    labels: NDArray[np.int64]
    """Shape (N,), positions in `DataShape.classes`; -1 everywhere in `unlabelled`."""
    filenames: tuple[str, ...]
    """Names as the raw CSV gives them, N of them."""
    hashes: tuple[str, ...]
    """SHA-256 of each image's C * H * W bytes, hexadecimal."""
    groups: tuple[str, ...] = ()
    """What images have in common, "" for nothing, N of them; empty where no image has a group."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


def load_shape(path: Path) -> DataShape:
    """Read `dataset.json`.

    Raises:
        IntegrityError: the file is absent or does not hold exactly the four fields.
    """
    try:
        content = files.read_json(path)
        shape = DataShape(**{**content, "classes": tuple(content["classes"])})
        if len(set(shape.classes)) < len(shape.classes):
            raise ValueError("a class is there twice")
        return shape
    except FileNotFoundError:
        raise IntegrityError(f"{path}: no such file: run the stage ingest (dvc repro ingest)") from None
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(
            f"{path}: not a data set's shape ({reason_of(error)}): run the stage ingest again"
        ) from None


def load_split(data_dir: Path, name: SplitName) -> Split:
    """Read one split of the folder that ingest wrote; images are memory-mapped, and read once to compare their hashes.

    Raises:
        IntegrityError: a file is absent or unreadable, array and index differ in length, an image has another shape
            than `dataset.json` says or other pixels than the index says, or a label is not among its classes.
    """
    shape = load_shape(data_dir / "dataset.json")
    folder = data_dir / name
    try:
        images = files.read_array(folder / IMAGES)
        index = read_index(data_dir, name)
    except FileNotFoundError as error:
        raise IntegrityError(f"{error.filename}: no such file: run the stage ingest (dvc repro ingest)") from None
    except (ValueError, EOFError, KeyError) as error:
        raise IntegrityError(f"{folder}: unreadable ({reason_of(error)}): run the stage ingest again") from None
    if images.dtype != np.uint8 or images.shape != (len(index), *shape.image):
        raise IntegrityError(
            f"{folder / IMAGES} = {images.dtype} {images.shape}: must be uint8 {(len(index), *shape.image)}, "
            f"as {INDEX} and dataset.json say: run the stage ingest again"
        )
    _check_pixels(folder, images, index)
    unlabelled = np.full(len(index), -1, dtype=np.int64)
    labels = unlabelled if name == "unlabelled" else _labels(folder / INDEX, index["label"], shape)
    groups = tuple(index[GROUP]) if GROUP in index else ()
    return Split(images, labels, tuple(index["filename"]), tuple(index["hash"]), groups)


def read_index(data_dir: Path, name: SplitName) -> pd.DataFrame:
    """Read the index of a split: `COLUMNS`, `GROUP` where there are groups, all text; a label `NA` stays text."""
    known = {*COLUMNS, GROUP}
    table = pd.read_csv(data_dir / name / INDEX, dtype=str, keep_default_na=False, usecols=known.__contains__)
    if missing := set(COLUMNS).difference(table.columns):
        raise ValueError(f"{INDEX} lacks {', '.join(sorted(missing))}")
    if not isinstance(table.index, pd.RangeIndex):  # pandas then takes the first cells for names of rows.
        raise ValueError(f"{INDEX} has a row with more cells than its header")
    return table


def sample_rows(hashes: Sequence[str], count: int) -> NDArray[np.intp]:
    """Return the rows of `count` images chosen by their hashes, in order: the first ones may all be of one class."""
    return np.sort(np.argsort(np.array(hashes), kind="stable")[:count])


def _check_pixels(folder: Path, images: NDArray[np.uint8], index: pd.DataFrame) -> None:
    """Refuse an array that was changed after ingest: DVC restores a changed copy from its cache without a word."""
    for row, (image, expected) in enumerate(zip(images, index["hash"].tolist(), strict=True)):
        if pixel_hash(image.data) != expected:
            raise IntegrityError(
                f"{folder / IMAGES}: image {row} ({index['filename'][row]}): its pixels are not those that {INDEX} has "
                "the SHA-256 of: one of both was changed after ingest: run `dvc repro --force ingest`"
            )


def _labels(path: Path, labels: "pd.Series[str]", shape: DataShape) -> NDArray[np.int64]:
    positions = pd.Index(shape.classes).get_indexer(pd.Index(labels)).astype(np.int64)
    if (positions < 0).any():
        row = int((positions < 0).argmax())
        raise IntegrityError(
            f"{path}: row {row + 2}: label = {labels.iloc[row]!r}: must be one of the classes in dataset.json "
            f"({', '.join(shape.classes)}): run the stage ingest again"
        )
    return positions


def data_digest(data_dir: Path) -> str:
    """Return a hash of the images that networks learn from and are watched on, and of their classes."""
    names = ("dataset.json", f"train/{INDEX}", f"validation/{INDEX}")
    return files.digest([files.sha256(data_dir / name) for name in names])


def sort_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels: by value if all are decimal numbers, else in text order.

    >>> sort_classes(["10", "9", "9"]), sort_classes(["dog", "cat", "10"])
    (('9', '10'), ('10', 'cat', 'dog'))
    """
    distinct = sorted(set(labels))
    if all(NUMBER.fullmatch(label) for label in distinct):
        distinct.sort(key=float)
    return tuple(distinct)


def pixel_hash(pixels: bytes | memoryview) -> str:
    """Return the identity of an image: SHA-256 of its C * H * W bytes, hexadecimal."""
    return hashlib.sha256(pixels).hexdigest()
