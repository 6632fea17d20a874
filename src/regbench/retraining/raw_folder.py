"""Adds rows to a raw folder: images first, then the CSV files by atomic replacement, so that no row lacks its image."""

import csv
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from regbench.config.data import Data
from regbench.data.archive import FolderSource, Source

STAGING = ".merging"
"""Folder beside the CSV folders in which new images are gathered; one that a killed merge left is removed."""


@dataclass(frozen=True)
class Addition:
    """A row to add, with the file it names."""

    csv: str
    """The table, as `data.train_csv` or `data.test_csv` names it."""
    filename: str
    """What the row will say."""
    label: str
    """Empty in the table of unlabelled images."""
    source: str
    """Name of the file in the batch."""
    target: str
    """Name of the file in the raw folder."""


def add_rows(raw: FolderSource, data: Data, batch: Source, additions: Sequence[Addition]) -> None:
    """Copy the files of all additions into a raw folder, then append their rows; old rows keep their bytes.

    Killed at any moment, it leaves a folder that ingest reads as before, or with the new rows of one table or of both;
    done again, it leaves the same bytes as if it had not been killed.

    Raises:
        OSError: a file cannot be read or written; the tables are as they were.
    """
    staging = raw.top / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    # Not by `files.atomic`: after a kill, its temporary files would stay among the images.
    try:
        staged = {addition.target: staging / str(number) for number, addition in enumerate(additions)}
        for addition in tqdm(additions, desc="merge", unit=" images", disable=None):
            staged[addition.target].write_bytes(batch.read(addition.source))
        tables = {table: staging / f"{table.replace('/', '-')}" for table in _tables(data, additions)}
        for table, path in tables.items():
            path.write_bytes(_grown(raw, table, [addition for addition in additions if addition.csv == table]))
        # One flush for all: fsync of each small file takes milliseconds.
        os.sync()
        _put(raw, staged)
        os.sync()
        _put(raw, tables)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _tables(data: Data, additions: Sequence[Addition]) -> list[str]:
    return [table for table in (data.train_csv, data.test_csv) if any(row.csv == table for row in additions)]


def _grown(raw: FolderSource, table: str, rows: Sequence[Addition]) -> bytes:
    columns = "filename,label" if rows[0].label else "filename"
    return appended(raw.read(table) if raw.has(table) else f"{columns}\n".encode(), rows)


def _put(raw: FolderSource, staged: Mapping[str, Path]) -> None:
    for target, path in staged.items():
        (raw.top / target).parent.mkdir(parents=True, exist_ok=True)
        path.replace(raw.top / target)


def appended(content: bytes, rows: Sequence[Addition]) -> bytes:
    """Return a CSV file with rows added in its own order of columns and with its own line ends."""
    header = next(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    end = "\r\n" if b"\r\n" in content else "\n"
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [name.strip() for name in header], lineterminator=end)
    writer.writerows({"filename": row.filename, **({"label": row.label} if row.label else {})} for row in rows)
    return content + (b"" if content.endswith(b"\n") else end.encode()) + text.getvalue().encode()
