"""The listing that every reader of a layout returns: one row per image."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from regbench.config.data import Data
from regbench.data.dataset import SplitName
from regbench.data.sources.source import Source

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")

SPLIT_OF: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "t10k"), "test"),
}
"""What folders, tables and cells call the splits, in lower case."""

COLUMNS = ("filename", "label", "split", "group", "name", "table", "row", "column", "problem")


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of a raw data set, before any is decoded."""

    layout: str
    """As `data.layout` names it."""
    rows: pd.DataFrame
    """A row per image, `COLUMNS`: filename as later files name it; label, given split and group, "" for none; name of
    the image in `source`; table that lists it ("" for none), row in it (the header is 1) and column of the name; why
    the image cannot be used, as far as that is known already ("" for no reason)."""
    source: Source
    """Where the images are read from."""
    notes: tuple[str, ...] = ()
    """What was found and is not used, a line each."""


Reader = Callable[[Source, Data], Listing | None]
"""Reads one layout; None where the files of a source are not in it.

Raises:
    InputError: they are, but break a rule of it.
"""


def make_rows(
    names: Sequence[str],
    *,
    filenames: Sequence[str] | None = None,
    labels: Sequence[str] | str = "",
    split: Sequence[str] | str = "",
    group: Sequence[str] | str = "",
    table: str = "",
    rows: Iterable[int] | int = 0,
    column: str = "",
    problems: Sequence[str] | str = "",
) -> pd.DataFrame:
    """Return a table of `COLUMNS`; one value stands for all rows.

    >>> make_rows(["a.png", "b.png"], labels=["cat", "dog"], split="train")[["filename", "label", "split"]]
      filename label  split
    0    a.png   cat  train
    1    b.png   dog  train
    """
    return pd.DataFrame(
        {
            "filename": list(names if filenames is None else filenames),
            "label": labels,
            "split": split,
            "group": group,
            "name": list(names),
            "table": table,
            "row": rows,
            "column": column,
            "problem": problems,
        }
    ).astype({"label": str, "split": str, "group": str, "table": str, "column": str})


def concat(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of rows; none give an empty table."""
    return pd.concat(list(parts), ignore_index=True) if parts else make_rows([])


def describe(row: "pd.Series[str]") -> str:
    """Return the place and the content of a row, as messages name it."""
    label = f" (label {row['label']!r})" if row["label"] else ""
    if not row["table"]:
        return f"{row['filename']}{label}"
    cell = f": {row['column']} = {row['filename']!r}" if row["column"] else ""
    return f"{row['table']}: row {row['row']}{cell}{label}"


def is_image(name: str) -> bool:
    """Return whether a file's name ends as image files do."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def common_folder(names: Iterable[str]) -> str:
    """Return the folder that holds all files, with a slash at its end; "" for the top."""
    parents: list[tuple[str, ...]] = [PurePosixPath(name).parts[:-1] for name in names]
    if not parents:
        return ""
    low, high = min(parents), max(parents)
    shared = 0
    while shared < min(len(low), len(high)) and low[shared] == high[shared]:
        shared += 1
    return "".join(f"{part}/" for part in low[:shared])


def summarize(listing: Listing, classes: int) -> str:
    """Return layout, classes, images, given splits and groups in one line."""
    rows = listing.rows
    labelled = int((rows["label"] != "").sum())
    parts = [f"{NAMES[listing.layout]}", f"{classes:,} classes", f"{labelled:,} images"]
    if unlabelled := len(rows) - labelled:
        parts.append(f"{unlabelled:,} unlabelled")
    given = [name for name in ("train", "validation", "test") if (rows["split"] == name).any()]
    if given:
        parts.append(f"splits given: {', '.join(given)}")
    if groups := rows["group"][rows["group"] != ""].nunique():
        parts.append(f"{groups:,} groups")
    return f"found: {', '.join(parts)}"


NAMES = {
    "table": "a table with images beside it",
    "class_folders": "one folder per class",
    "pixel_table": "a table of pixels",
    "idx": "idx files",
    "npz": "an .npz of arrays",
    "parquet": "Parquet",
    "images": "images without labels",
}
"""Layout -> how messages call it."""
