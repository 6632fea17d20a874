"""Converts raw images to arrays, indexes and a report. Everything is checked before anything is written."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench import files
from regbench.config.data import Data
from regbench.data.dataset import COLUMNS, GROUP, IMAGES, INDEX, SPLITS, DataShape, SplitName, sort_classes
from regbench.data.decoding import decode_all
from regbench.data.earlier_ingest import EarlierIngest, Records, write_memory
from regbench.data.images import Conversion
from regbench.data.layouts.listing import Listing, describe, summarize
from regbench.data.layouts.recognize import count_unlisted, read_listing
from regbench.data.messages import join_lines
from regbench.data.sources import open_source
from regbench.data.splits import assign_splits
from regbench.errors import InputError

KEPT = ["filename", "label", "split", "group", "hash", "height", "width", "position"]
"""Of a row, once nothing can be wrong with it any more."""
WRITTEN = 10_000
"""Images copied to their split at a time."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """The rows of a listing that can be used, in its order."""

    rows: pd.DataFrame
    """As `Listing.rows`, with hash, height and width of the encoded image, and position: the row of `pixels`."""
    pixels: NDArray[np.uint8]
    """Shape (N, C * H * W), a row per image of the listing, in a temporary file."""
    records: Records
    """Shape (N,), `regbench.data.earlier_ingest.RECORD`."""
    rejected: tuple[str, ...]
    """A line for each row that was left out: where, what, why."""


@dataclass(frozen=True, eq=False)
class Ingested:
    """A whole data set, labelled images first."""

    shape: DataShape
    index: pd.DataFrame
    """`KEPT` and split; a row for each accepted image."""
    pixels: NDArray[np.uint8]
    records: Records
    """Both as in `Decoded`."""
    rejected: tuple[str, ...]
    """A line for each row that was left out: where, what, why."""
    found: str
    """The layout and what is in it, in one line."""
    notes: tuple[str, ...]
    """What was found and is not used, a line each."""
    unlisted: int
    """Image files that no row names."""

    def rows(self, split: SplitName) -> NDArray[np.intp]:
        """Return the positions of a split's images in `index`."""
        return np.flatnonzero(self.index["split"] == split)

    def images(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the images of rows of `index`, shape (N, C, H, W)."""
        positions = self.index["position"].to_numpy()[rows]
        images: NDArray[np.uint8] = self.pixels[positions].reshape(-1, *self.shape.image)
        return images

    @property
    def data_hash(self) -> str:
        """Return the SHA-256 over all rows of all indexes: equal if and only if names, labels, splits, pixels are."""
        digest = hashlib.sha256()
        for split in SPLITS:
            digest.update(self.table(split).to_csv(index=False).encode())
        return digest.hexdigest()

    def table(self, split: SplitName) -> pd.DataFrame:
        """Return the index of a split as it is written; groups only where there are any."""
        columns = [*COLUMNS, GROUP] if (self.index[GROUP] != "").any() else list(COLUMNS)
        return self.index.iloc[self.rows(split)][columns]


def decode_rows(listed: Listing, data: Data, earlier: EarlierIngest) -> Decoded:
    """Check and convert the images of a listing; those that `earlier` holds are not decoded.

    Raises:
        InputError: more rows cannot be used than `data.max_rejected`.
    """
    rows = listed.rows
    # Lists, since going through pandas's Arrow text cell by cell takes ten times as long.
    names = rows["name"].tolist()
    pixels, records, undecoded = decode_all(listed.source, names, Conversion.of(data), earlier)
    del earlier, names  # As large as all that follows.
    reasons = np.where(rows["problem"] != "", rows["problem"], np.array(undecoded, dtype=object))
    if data.classes:
        unknown = ((rows["label"] != "") & ~rows["label"].isin(data.classes)).to_numpy()
        reasons[unknown] = f"its label must be one of data.classes ({', '.join(data.classes)}): correct it"
    rejected = _rejected(listed, data, reasons)
    accepted = np.flatnonzero(reasons == "")
    kept = rows.drop(columns="problem").iloc[accepted].reset_index(drop=True)
    known = records[accepted]
    # One by one, since NumPy's own text takes four bytes a character.
    kept["hash"] = [digest.decode() for digest in known["hash"]]
    kept = kept.assign(height=known["height"], width=known["width"], position=accepted)
    return Decoded(kept, pixels, records, rejected)


def ingest(data: Data, earlier_dir: Path | None = None) -> Ingested:
    """Read, check, convert and split a raw data set; images that `earlier_dir` already holds are not decoded again.

    Raises:
        InputError: an unreadable source, more rows that cannot be used than `data.max_rejected`, fewer than two
            classes, images that are all equal, or an empty split.
    """
    listed = read_listing(open_source(Path(data.raw)), data)
    decoded = decode_rows(listed, data, EarlierIngest.load(earlier_dir) if earlier_dir else EarlierIngest())
    # Labelled images first; the order within each is that of the listing.
    order = np.argsort(decoded.rows["label"].to_numpy() == "", kind="stable")
    index = decoded.rows[KEPT].iloc[order].reset_index(drop=True)
    pixels, records, rejected = decoded.pixels, decoded.records, decoded.rejected
    del decoded  # Its rows are as large as the index.
    labelled = (index["label"] != "").to_numpy()
    classes = _classes(data, index["label"][labelled])
    _refuse_equal(index["hash"][labelled], data)
    names = np.full(len(index), "unlabelled", dtype=object)
    names[labelled] = assign_splits(index.loc[labelled, ["hash", "split", "group", "filename"]], data.split)
    shape = DataShape(classes, data.channels, *data.image_size)
    index = index.assign(split=names)
    said = summarize(listed, len(classes)), listed.notes, count_unlisted(listed)
    return Ingested(shape, index, pixels, records, rejected, *said)


def write(ingested: Ingested, out_dir: Path) -> None:
    """Write arrays, indexes, `dataset.json` and what lets the next ingest skip unchanged images."""
    for split in SPLITS:
        files.remove_partial(out_dir / split)
        rows = ingested.rows(split)
        chunks = (ingested.images(rows[start : start + WRITTEN]) for start in range(0, len(rows), WRITTEN))
        files.write_rows(out_dir / split / IMAGES, (len(rows), *ingested.shape.image), np.uint8, chunks)
        files.write_csv(out_dir / split / INDEX, ingested.table(split))
    files.write_json(out_dir / "dataset.json", asdict(ingested.shape))
    write_memory(out_dir, ingested.records[ingested.index["position"].to_numpy()])


def _rejected(listed: Listing, data: Data, reasons: NDArray[np.object_]) -> tuple[str, ...]:
    unusable = np.flatnonzero(reasons != "")
    lines = [f"{describe(listed.rows.iloc[position])}: {reasons[position]}" for position in unusable]
    if len(lines) > data.max_rejected:
        raise InputError(
            f"{listed.source.path}: {len(lines):,} of {len(reasons):,} rows cannot be used: at most data.max_rejected "
            f"= {data.max_rejected} may be left out: mend these, remove their rows, or raise it\n"
            f"{_summed(listed, lines, [str(reasons[position]) for position in unusable])}"
        )
    return tuple(lines)


def _summed(listed: Listing, lines: Sequence[str], reasons: Sequence[str]) -> str:
    """Return the lines; where all rows fail alike, one of them, and what the files are called."""
    (_, count) = Counter(reasons).most_common(1)[0]
    if count < len(listed.rows) or count < 2:
        return join_lines(lines)
    names = sorted(listed.source.names())
    return f"{lines[0]}; the same in all {count:,} rows; files found are such as {', '.join(map(repr, names[:3]))}"


def _classes(data: Data, labels: "pd.Series[str]") -> tuple[str, ...]:
    classes = data.classes or sort_classes(labels)
    if len(set(classes)) < len(classes):
        raise InputError(f"params.yaml: data.classes = {list(classes)}: must differ: remove the repeated ones")
    if len(classes) < 2:
        raise InputError(
            f"{data.raw}: labels = {', '.join(classes)}: must be 2 or more classes: add images of another class"
        )
    return classes


def _refuse_equal(hashes: "pd.Series[str]", data: Data) -> None:
    if len(hashes) > 1 and hashes.nunique() == 1:
        height, width = data.image_size
        raise InputError(
            f"{data.raw}: all {len(hashes):,} images are equal after conversion to {height} x {width} pixels and "
            f"{data.channels} channel(s): they must differ: look at one of them, and set data.background where they "
            "are transparent"
        )
