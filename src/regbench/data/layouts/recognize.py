"""Recognizes the layout of a raw data set."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NoReturn

import pandas as pd

from regbench.config.data import Data
from regbench.data.layouts import class_folders, idx, npz, parquet, pixel_table, plain, table
from regbench.data.layouts.checks import check_names
from regbench.data.layouts.file_finder import compose
from regbench.data.layouts.find_tables import is_canonical
from regbench.data.layouts.listing import NAMES, Listing, Reader, is_image
from regbench.data.sources.source import Source
from regbench.errors import InputError

READERS: dict[str, Reader] = {
    idx.LAYOUT: idx.read_idx,
    npz.LAYOUT: npz.read_npz,
    parquet.LAYOUT: parquet.read_parquet,
    pixel_table.LAYOUT: pixel_table.read_pixel_tables,
    table.LAYOUT: table.read_tables,
    class_folders.LAYOUT: class_folders.read_class_folders,
}
"""By `data.layout`, in the order in which `auto` tries them."""


def read_listing(source: Source, data: Data) -> Listing:
    """Return the images of a source, by `data.layout` or the first layout with labels that its files are in.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from regbench.data.sources import open_source
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
    ...         (Path(folder) / name).parent.mkdir(exist_ok=True)
    ...         _ = (Path(folder) / name).write_bytes(b"...")
    ...     listing = read_listing(open_source(Path(folder)), Data())
    >>> listing.layout, list(listing.rows["label"])
    ('class_folders', ['cat', 'cat', 'dog'])

    Raises:
        InputError: its files are in no known layout, have no labels, or break a rule of their layout.
    """
    listings = list(_listings(source, data))
    labelled = next((found for found in listings if (found.rows["label"] != "").any()), None)
    if labelled and data.group and labelled.layout != table.LAYOUT:
        raise InputError(
            f"params.yaml: data.group = {data.group!r}: {source.path}: {NAMES[labelled.layout]} has no such column: "
            "give a table with it, or remove data.group"
        )
    return labelled or _unknown(source, listings)


def read_any(source: Source, data: Data) -> Listing:
    """Return the images of a source, labelled or not; raises as `read_listing`."""
    listing = next(_listings(source, data), None)
    return listing or _unknown(source, listings=[])


def read_unlabelled(source: Source, data: Data) -> Listing:
    """Return the images of a source that have no label; all images, where all have one or nothing says which.

    Where there is a table at `data.test_csv`, nothing else is looked at.

    Raises:
        InputError: it holds no images, or breaks a rule of its layout.
    """
    listing = table.read_test_table(source, data) or next(_listings(source, data), None)
    listing = listing or plain.read_images(source, data) or _unknown(source, listings=[])
    rows = listing.rows
    if (rows["label"] == "").any():
        rows = rows[rows["label"] == ""]
    return Listing(listing.layout, rows.assign(label="", split="").reset_index(drop=True), listing.source)


def _listings(source: Source, data: Data) -> Iterator[Listing]:
    """Yield the source's images by each layout that its files are in.

    Tables at `data.train_csv` exclude all others. A table none of whose files is found comes last: it may describe
    folders of classes.
    """
    readers = dict(READERS)
    if data.layout != "auto" or is_canonical(source, data):
        name = table.LAYOUT if data.layout == "auto" else data.layout
        readers = {name: READERS[name]}
    last = []
    for read in readers.values():
        if (listing := read(source, data)) and not listing.rows.empty:
            listing = _checked(listing)
            if (listing.rows["problem"] != "").all():
                last.append(listing)
            else:
                yield listing
    yield from last


def count_unlisted(listing: Listing) -> int:
    """Return how many image files of the source no row names."""
    return sum(map(is_image, listing.source.names().difference(listing.rows["name"])))


def _checked(listing: Listing) -> Listing:
    """Return a listing with labels in Unicode form C; raises InputError for names with control characters."""
    rows = listing.rows
    check_names(str(listing.source.path), rows)
    labels = pd.Series([compose(label) for label in rows["label"].tolist()], index=rows.index, dtype=str)
    return Listing(listing.layout, rows.assign(label=labels), listing.source, listing.notes)


def _unknown(source: Source, listings: list[Listing]) -> NoReturn:
    what = "images without labels" if listings else "no layout that is known"
    raise InputError(
        f"{source.path}: holds {_contents(source)}: {what}: known are one folder per class, a table with images "
        "beside it, a table of pixels, idx, .npz and Parquet: see docs/own-images.md"
    )


def _contents(source: Source) -> str:
    """Return what files a source holds: how many of each extension, and some names."""
    names = sorted(source.names())
    if not names:
        return "no files"
    counts = Counter(PurePosixPath(name).suffix.lower() or "without extension" for name in names)
    kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in counts.most_common(4))
    return f"{len(names):,} files ({kinds}; such as {names[0]})"
