"""Canonical raw layout to arrays, indexes and a report: everything is checked before anything is written."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench import files
from regbench.config.data import Data
from regbench.data.archive import Source, open_source, prefix_of
from regbench.data.dataset import COLUMNS, IMAGES, INDEX, SPLITS, DataShape, SplitName, assign_splits, sort_classes
from regbench.data.decoding import EarlierIngest, Record, decode_all, write_memory
from regbench.data.table import listing, read_table
from regbench.errors import InputError

NOTHING = Record("", "", 0, 0)
"""In the place of an image that cannot be used."""


@dataclass(frozen=True, eq=False)
class Ingested:
    """A whole data set in memory, labelled images first, in the order of their CSV files."""

    shape: DataShape
    index: pd.DataFrame
    """`COLUMNS` and key, height, width of the encoded image; a row for each accepted image."""
    images: NDArray[np.uint8]
    """Shape (N, C, H, W), rows as in `index`."""
    rejected: tuple[str, ...]
    """A line for each row that was left out: where, what, why."""
    unlisted: int
    """Image files in the folders that no row names."""

    def rows(self, split: SplitName) -> NDArray[np.intp]:
        """Return the positions of a split's images."""
        return np.flatnonzero(self.index["split"] == split)

    @property
    def data_hash(self) -> str:
        """Return the SHA-256 over all rows of all indexes: equal if and only if names, labels, splits, pixels are."""
        tables = (self.index.iloc[self.rows(split)][list(COLUMNS)].to_csv(index=False) for split in SPLITS)
        return hashlib.sha256("".join(tables).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Decoded:
    """The rows of a raw data set that can be used, labelled ones first, in the order of their CSV files."""

    rows: pd.DataFrame
    """filename, label ("" without one), csv, row (line number there), name (of the image in the source), and the
    fields of `Record`."""
    pixels: NDArray[np.uint8]
    """Shape (N, C * H * W), rows as in `rows`."""
    rejected: tuple[str, ...]
    """A line for each row that was left out: where, what, why."""
    unlisted: int
    """Image files in the folders that no row names."""
    listed: frozenset[tuple[str, str]]
    """csv and filename of every row, also of those that were left out."""


def read_rows(source: Source, data: Data, earlier: EarlierIngest, unlabelled_only: bool = False) -> Decoded:
    """Read, check and convert the rows of the CSV files that are there; images that `earlier` holds are not decoded.

    Raises:
        InputError: a CSV that breaks a rule, or more rows that cannot be used than `data.max_rejected`.
    """
    listed = _listed(source, data, unlabelled_only)
    # Lists, since going through pandas's Arrow text cell by cell takes ten times as long.
    names = listed["name"].tolist()
    pixels, results = decode_all(source, names, data.channels, data.image_size, earlier)
    reasons = pd.Series(
        [None if isinstance(result, Record) else f"{result}: replace it" for result in results], dtype=object
    )
    if data.classes:
        unknown = (listed["csv"] == data.train_csv) & ~listed["label"].isin(data.classes)
        reasons[unknown] = f"its label must be one of data.classes ({', '.join(data.classes)}): correct it"
    rejected = _rejected(source, data, listed, reasons)
    accepted = reasons.isna().to_numpy()
    records = pd.DataFrame([result if isinstance(result, Record) else NOTHING for result in results])
    rows = pd.concat([listed, records], axis="columns")[accepted].reset_index(drop=True)
    present = source.names(data.train_images) | source.names(data.test_images)
    unlisted = sum(name.lower().endswith((".png", ".jpg", ".jpeg")) for name in present.difference(names))
    # Copied only if something was rejected: the array may be most of the memory.
    used = pixels if accepted.all() else pixels[accepted]
    pairs = zip(listed["csv"].tolist(), listed["filename"].tolist(), strict=True)
    return Decoded(rows, used, rejected, unlisted, frozenset(pairs))


def ingest(data: Data, earlier_dir: Path | None = None) -> Ingested:
    """Read, check, convert and split a raw data set; images that `earlier_dir` already holds are not decoded again.

    Raises:
        InputError: an unreadable source or CSV, more rows that cannot be used than `data.max_rejected`, fewer than
            two classes, or an empty split.
    """
    source = open_source(Path(data.raw), data.train_csv)
    decoded = read_rows(source, data, EarlierIngest.load(earlier_dir) if earlier_dir else EarlierIngest())
    index = decoded.rows
    labelled = (index["csv"] == data.train_csv).to_numpy()
    classes = _classes(data, index["label"][labelled])
    index["split"] = "unlabelled"
    index.loc[labelled, "split"] = assign_splits(index["hash"][labelled], data.split)
    shape = DataShape(classes, data.channels, *data.image_size)
    return Ingested(shape, index, decoded.pixels.reshape(-1, *shape.image), decoded.rejected, decoded.unlisted)


def write(ingested: Ingested, out_dir: Path) -> None:
    """Write arrays, indexes, `dataset.json` and what lets the next ingest skip unchanged images."""
    for split in SPLITS:
        files.remove_partial(out_dir / split)
        rows = ingested.rows(split)
        files.write_array(out_dir / split / IMAGES, ingested.images[rows])
        files.write_csv(out_dir / split / INDEX, ingested.index.iloc[rows][list(COLUMNS)])
    files.write_json(out_dir / "dataset.json", asdict(ingested.shape))
    write_memory(out_dir, ingested.index)


def describe(row: "pd.Series[Any]", train_csv: str) -> str:
    """Return where a row stands and what it says, as messages name it."""
    label = f" (label {row['label']!r})" if row["csv"] == train_csv else ""
    return f"{row['csv']}: row {row['row']}: filename = {row['filename']!r}{label}"


def _listed(source: Source, data: Data, unlabelled_only: bool) -> pd.DataFrame:
    """Return the rows of the CSV files: filename, label, csv, row (line number), name (of the image in `source`)."""
    layout = [
        (data.train_csv, data.train_images, ("filename", "label")),
        (data.test_csv, data.test_images, ("filename",)),
    ]
    tables = [
        read_table(source, csv, columns)
        .reindex(columns=["filename", "label"], fill_value="")
        .assign(csv=csv, folder=prefix_of(folder))
        for csv, folder, columns in layout[unlabelled_only:]
        if source.has(csv)
    ]
    listed = pd.concat([table.assign(row=table.index) for table in tables], ignore_index=True)
    return listed.assign(name=listed.pop("folder") + listed["filename"])


def _rejected(source: Source, data: Data, listed: pd.DataFrame, reasons: "pd.Series[str]") -> tuple[str, ...]:
    lines = []
    for position in np.flatnonzero(reasons.notna()):
        lines.append(f"{describe(listed.iloc[position], data.train_csv)}: {reasons[position]}")
    if len(lines) > data.max_rejected:
        raise InputError(
            f"{source.path}: {len(lines)} of {len(listed)} rows cannot be used: at most data.max_rejected = "
            f"{data.max_rejected} may be left out: mend these, remove their rows, or raise it\n{listing(lines)}"
        )
    return tuple(lines)


def _classes(data: Data, labels: "pd.Series[str]") -> tuple[str, ...]:
    classes = data.classes or sort_classes(labels)
    if len(set(classes)) < len(classes):
        raise InputError(f"params.yaml: data.classes = {list(classes)}: must differ: remove the repeated ones")
    if len(classes) < 2:
        raise InputError(f"{data.raw}: {data.train_csv}: labels = {', '.join(classes)}: must be 2 or more classes")
    return classes
