"""New rows into the raw folder, by content: planned and checked first, then written so that a kill does no harm.

The batch itself stays as it is. Merging it again finds every image there already, so nothing has to be marked as done,
and a folder that rows are only ever added to serves as well as one that is emptied.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.data import Data
from regbench.data.archive import FolderSource, Source, open_source
from regbench.data.decoding import EarlierIngest
from regbench.data.ingest import Decoded, describe, read_rows
from regbench.data.table import listing
from regbench.errors import InputError, RejectedDataError
from regbench.retraining.raw_folder import Addition, add_rows


@dataclass(frozen=True)
class Merged:
    """What a merge does to the raw folder."""

    labelled: int
    """Rows added to `data.train_csv`."""
    unlabelled: int
    """Rows added to `data.test_csv`."""
    known: int
    """Rows whose image stands in the same table already, or earlier in the batch."""
    renamed: tuple[tuple[str, str], ...]
    """EarlierIngest and new name of each file whose own name was taken by another image."""
    left_out: tuple[str, ...]
    """A line for each unusable row, of which there are at most `data.max_rejected`."""

    @property
    def anything(self) -> bool:
        """Whether the raw folder changes."""
        return self.labelled + self.unlabelled > 0


@dataclass(frozen=True, eq=False)
class Plan:
    """A merge that was checked and not yet carried out: the moment to look at the new images."""

    merged: Merged
    additions: tuple[Addition, ...]
    """The rows to add, labelled ones first."""
    images: NDArray[np.uint8]
    """Shape (N, C, H, W), a row an addition."""
    source: Source | None
    """Where the additions are read from; None where there is nothing."""
    raw: FolderSource
    data: Data

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the first images; those after them have none."""
        return tuple(row.label for row in self.additions if row.csv == self.data.train_csv)

    def carry_out(self) -> Merged:
        """Write the additions into the raw folder; killed and planned anew, the same bytes result.

        Raises:
            InputError: a file cannot be read or written, as on a full disk; the tables are as they were.
        """
        if self.source is not None and self.additions:
            try:
                add_rows(self.raw, self.data, self.source, self.additions)
            except OSError as error:
                place, reason = error.filename or self.raw.top, error.strerror or error
                raise InputError(f"{place}: {reason}: no row was added; the next job merges again") from None
        return self.merged


def merge_incoming(incoming: Path, data: Data, earlier_dir: Path | None = None) -> Merged:
    """Plan a merge and carry it out at once; see `plan_merge`."""
    return plan_merge(incoming, data, earlier_dir).carry_out()


def plan_merge(incoming: Path, data: Data, earlier_dir: Path | None = None) -> Plan:
    """Compare a folder or .zip in the canonical layout with the raw folder `data.raw`; nothing is written.

    An image is known by its converted pixels (`regbench.data.dataset.pixel_hash`), as in ingest, so that the hash
    split never lets equal images straddle splits. `incoming` may hold either table or both; an empty folder is
    nothing new. Images that the last ingest left in `earlier_dir` are not decoded again. One job at a time is assumed.

    Raises:
        InputError: no such path, or `data.raw` is no folder, or is not split by hash.
        RejectedDataError: a batch without a table, a row that ingest would refuse, or an image that has another label
            already, in the raw folder or in the batch: all such rows are named.
    """
    raw = _raw_folder(data)
    if not incoming.exists():
        raise InputError(f"params.yaml: retrain.incoming = '{incoming}': no such folder or .zip: make or correct it")
    try:
        return _compared(incoming, raw, data, earlier_dir)
    except InputError as error:
        raise RejectedDataError(str(error)) from None


def _compared(incoming: Path, raw: FolderSource, data: Data, earlier_dir: Path | None) -> Plan:
    source = _open(incoming, data)
    if source is None:
        nothing = np.zeros((0, data.channels, *data.image_size), dtype=np.uint8)
        return Plan(Merged(0, 0, 0, (), ()), (), nothing, None, raw, data)
    earlier = EarlierIngest.load(earlier_dir) if earlier_dir else EarlierIngest()
    batch = read_rows(source, data, earlier)
    present = read_rows(raw, data, earlier)
    _refuse_other_labels(source, batch, raw, present, data)
    # One table holds labelled images and the other not: an image may stand once in each.
    table = ["csv", "hash"]
    known = batch.rows.duplicated(table) | pd.MultiIndex.from_frame(batch.rows[table]).isin(
        pd.MultiIndex.from_frame(present.rows[table])
    )
    new = batch.rows[~known]
    additions = _named(new, source, raw, present.listed)
    labelled = int((new["csv"] == data.train_csv).sum())
    renamed = tuple((row.source, row.target) for row in additions if row.source != row.target)
    merged = Merged(labelled, len(new) - labelled, int(known.sum()), renamed, batch.rejected)
    images = batch.pixels[~known.to_numpy()].reshape(-1, data.channels, *data.image_size)
    return Plan(merged, additions, images, source, raw, data)


def _raw_folder(data: Data) -> FolderSource:
    path = Path(data.raw)
    if path.is_file():
        raise InputError(
            f"params.yaml: data.raw = '{path}': must be a folder where retrain.incoming is set: "
            f"unpack it (python -m zipfile -e {path} {path.with_suffix('')}) and give the folder"
        )
    if data.split.method != "hash":
        raise InputError(
            f"params.yaml: data.split.method = {data.split.method!r}: must be hash where retrain.incoming is set: "
            "otherwise rows that are added move old images to other splits"
        )
    source = open_source(path, data.train_csv)
    assert isinstance(source, FolderSource)
    return source


def _open(incoming: Path, data: Data) -> Source | None:
    visible = (path for path in incoming.rglob("*") if "/." not in f"/{path.relative_to(incoming)}")
    if incoming.is_dir() and not any(path.is_file() for path in visible):
        return None
    try:
        return open_source(incoming, data.train_csv)
    except InputError as missing:
        try:
            return open_source(incoming, data.test_csv)
        except InputError:
            raise missing from None


def _refuse_other_labels(source: Source, batch: Decoded, raw: Source, present: Decoded, data: Data) -> None:
    """Raise InputError where equal pixels have different labels, unless the raw folder holds both labels already."""
    tables = [(raw, present.rows), (source, batch.rows)]
    both = pd.concat([rows.assign(place=str(place.path), new=place is source) for place, rows in tables])
    both = both[(both["csv"] == data.train_csv) & both["hash"].isin(batch.rows["hash"])]
    both = both[both.groupby("hash")["label"].transform("nunique") > 1]
    held: dict[str, dict[str, str]] = {}
    lines = []
    for _, row in both.iterrows():
        labels = held.setdefault(row["hash"], {})
        where = f"{row['place']}: {describe(row, data.train_csv)}"
        if row["new"] and labels and row["label"] not in labels:
            first = next(iter(labels.values()))
            lines.append(f"{where}: has the pixels of {first}: correct the wrong label, or remove the row")
        else:
            labels.setdefault(row["label"], where)
    if lines:
        raise InputError(listing(lines))


def _named(
    new: pd.DataFrame, source: Source, raw: FolderSource, listed: frozenset[tuple[str, str]]
) -> tuple[Addition, ...]:
    """Give each new row the name of its file, with a part of the file's hash where another image has that name."""
    planned: dict[str, str] = {}
    additions = []
    columns = (new[column] for column in ("csv", "filename", "label", "name"))
    for csv, filename, label, name in zip(*columns, strict=True):
        target = name
        if (csv, filename) in listed or planned.get(name, name) != name or _holds_other(raw, name, source):
            digest = hashlib.sha256(source.read(name)).hexdigest()[:16]
            path = PurePosixPath(filename)
            folder, filename = name.removesuffix(filename), str(path.with_name(f"{path.stem}-{digest}{path.suffix}"))
            target = folder + filename
        planned[target] = name
        additions.append(Addition(csv, filename, label, name, target))
    return tuple(additions)


def _holds_other(raw: FolderSource, name: str, source: Source) -> bool:
    """Whether something else stands under a name; the same bytes are what a killed merge left, and are used."""
    return (raw.top / name).exists() and not (raw.has(name) and raw.read(name) == source.read(name))
