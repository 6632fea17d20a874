"""Merges new rows into the raw folder, by content: plans and checks first, then writes so that a kill does no harm.

The batch itself is not changed. A second merge of the same batch adds nothing, so nothing has to be marked as done.
The incoming folder may keep its old rows or be emptied.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.data import Data
from regbench.data.earlier_ingest import EarlierIngest
from regbench.data.ingest import Decoded, decode_rows
from regbench.data.layouts.find_tables import canonical_top
from regbench.data.layouts.listing import Listing, describe
from regbench.data.layouts.recognize import read_any, read_listing
from regbench.data.messages import join_lines
from regbench.data.sources import FolderSource, open_source
from regbench.data.sources.source import Source
from regbench.errors import InputError, RejectedDataError
from regbench.retraining.addition_names import Places, name_additions
from regbench.retraining.raw_folder import Addition, add_rows


@dataclass(frozen=True)
class Merged:
    """What a merge does to the raw folder."""

    labelled: int
    """Rows added to the table of labelled images."""
    unlabelled: int
    """Rows added to the table of unlabelled images."""
    known: int
    """Rows whose image is in the same table already, or earlier in the batch."""
    renamed: tuple[tuple[str, str], ...]
    """Original and new name of each file whose name was taken by another image."""
    left_out: tuple[str, ...]
    """One line for each unusable row; at most `data.max_rejected` rows."""

    @property
    def anything(self) -> bool:
        """Whether the raw folder changes."""
        return self.labelled + self.unlabelled > 0


@dataclass(frozen=True, eq=False)
class Plan:
    """A merge that was checked and not yet carried out, so that the new images can be examined before."""

    merged: Merged
    additions: tuple[Addition, ...]
    """The rows to add, labelled ones first."""
    images: NDArray[np.uint8]
    """Shape (N, C, H, W), one image per addition."""
    source: Source | None
    """Source that the additions are read from; None where there is nothing to add."""
    raw: FolderSource
    data: Data

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the first images; those after them have none."""
        return tuple(row.label for row in self.additions if row.label)

    def carry_out(self) -> Merged:
        """Write the additions into the raw folder; after a kill and a new plan, the same bytes result.

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
    """Compare a folder or archive in any layout with the raw folder `data.raw`; nothing is written.

    An image is identified by its converted pixels (`regbench.data.dataset.pixel_hash`), as in ingest. So the hash split
    never puts equal images into different splits. `incoming` may hold labelled images, unlabelled ones, or both; an
    empty folder means nothing new. Images that the last ingest left in `earlier_dir` are not decoded again. Only one
    job may run at a time.

    Raises:
        InputError: no such path, or `data.raw` is no folder in the canonical layout, or is not split by hash.
        RejectedDataError: a batch without images, a row that ingest would refuse, or an image that has another label
            already, in the raw folder or in the batch: all such rows are named.
    """
    raw, top = _raw_folder(data)
    if not incoming.exists():
        raise InputError(f"params.yaml: retrain.incoming = '{incoming}': no such folder or archive: make or correct it")
    try:
        return _compared(incoming, raw, top, data, earlier_dir)
    except InputError as error:
        raise RejectedDataError(str(error)) from None


def _compared(incoming: Path, raw: FolderSource, top: str, data: Data, earlier_dir: Path | None) -> Plan:
    source = open_source(incoming)
    if not source.names():
        nothing = np.zeros((0, data.channels, *data.image_size), dtype=np.uint8)
        return Plan(Merged(0, 0, 0, (), ()), (), nothing, None, raw, data)
    earlier = EarlierIngest.load(earlier_dir) if earlier_dir else EarlierIngest()
    offered, held = read_any(source, data), read_listing(raw, data)
    _refuse_given_splits(held, data)
    batch, present = (_with_table(decode_rows(listed, data, earlier)) for listed in (offered, held))
    _refuse_other_labels(source, batch, raw, present)
    # One table has labelled images, the other unlabelled ones: an image may be in both.
    identity = ["labelled", "hash"]
    known = batch.rows.duplicated(identity) | pd.MultiIndex.from_frame(batch.rows[identity]).isin(
        pd.MultiIndex.from_frame(present.rows[identity])
    )
    new = batch.rows[~known]
    new = new.iloc[np.argsort(~new["labelled"].to_numpy(), kind="stable")]
    listed = frozenset(zip((held.rows["label"] != "").tolist(), held.rows["filename"].tolist(), strict=True))
    additions = name_additions(new, offered.source, raw, Places(top, data), listed)
    labelled = int(new["labelled"].sum())
    renamed = tuple((row.wanted, row.target) for row in additions if row.wanted != row.target)
    merged = Merged(labelled, len(new) - labelled, int(known.sum()), renamed, batch.rejected)
    images = batch.pixels[new["position"].to_numpy()].reshape(-1, data.channels, *data.image_size)
    return Plan(merged, additions, images, offered.source, raw, data)


def _with_table(decoded: Decoded) -> Decoded:
    return replace(decoded, rows=decoded.rows.assign(labelled=decoded.rows["label"] != ""))


def _raw_folder(data: Data) -> tuple[FolderSource, str]:
    """Return the raw folder and the folder in it that contains its tables."""
    path = Path(data.raw)
    if path.is_file():
        raise InputError(
            f"params.yaml: data.raw = '{path}': must be a folder where retrain.incoming is set: write one "
            f"(regbench export {path} FOLDER) and give that"
        )
    if data.split.method not in ("auto", "hash"):
        raise InputError(
            f"params.yaml: data.split.method = {data.split.method!r}: must be hash where retrain.incoming is set: "
            "otherwise rows that are added move old images to other splits, or have no split"
        )
    source = open_source(path)
    assert isinstance(source, FolderSource)
    top = canonical_top(source, data.train_csv)
    if top is None:
        raise InputError(
            f"params.yaml: data.raw = '{path}': must hold {data.train_csv} where retrain.incoming is set, since rows "
            f"are added to it: write such a folder (regbench export {path} FOLDER) and give that"
        )
    return source, top


def _refuse_given_splits(held: Listing, data: Data) -> None:
    if (held.rows["split"] != "").any():
        raise InputError(
            f"params.yaml: data.split.method = {data.split.method}: {held.source.path} gives splits, but new rows "
            "have none: set hash where retrain.incoming is set"
        )


def _refuse_other_labels(source: Source, batch: Decoded, raw: Source, present: Decoded) -> None:
    """Raise InputError where equal pixels have different labels, unless the raw folder holds both labels already."""
    tables = [(raw, present.rows), (source, batch.rows)]
    both = pd.concat([rows.assign(place=str(place.path), new=place is source) for place, rows in tables])
    both = both[both["labelled"] & both["hash"].isin(batch.rows["hash"])]
    both = both[both.groupby("hash")["label"].transform("nunique") > 1]
    held: dict[str, dict[str, str]] = {}
    lines = []
    for _, row in both.iterrows():
        labels = held.setdefault(row["hash"], {})
        where = f"{row['place']}: {describe(row)}"
        if row["new"] and labels and row["label"] not in labels:
            first = next(iter(labels.values()))
            lines.append(f"{where}: has the pixels of {first}: correct the wrong label, or remove the row")
        else:
            labels.setdefault(row["label"], where)
    if lines:
        raise InputError(join_lines(lines))
