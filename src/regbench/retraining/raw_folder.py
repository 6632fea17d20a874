"""Adds rows to a raw folder: images first, then the CSV files by atomic replacement, so every row has its image."""

import csv
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from regbench.config.data import Data
from regbench.data.layouts.cells import delimiter
from regbench.data.layouts.columns import roles_of
from regbench.data.sources import FolderSource
from regbench.data.sources.source import Source

STAGING = ".merging"
"""Folder beside the CSV folders that collects new images; the folder of a killed merge is removed."""


@dataclass(frozen=True)
class Addition:
    """A row to add, with the file it names."""

    csv: str
    """Name of the table in the raw folder."""
    filename: str
    """File name in the new row."""
    label: str
    """Empty in the table of unlabelled images."""
    group: str
    """Empty for none."""
    source: str
    """Name of the file in the batch."""
    target: str
    """Name of the file in the raw folder."""
    wanted: str
    """The name that the file would have if no other image had that name."""


def add_rows(raw: FolderSource, data: Data, batch: Source, additions: Sequence[Addition]) -> None:
    """Copy the files of all additions into a raw folder, then append their rows; old rows keep their bytes.

    After a kill at any moment, ingest reads the folder as before, or with the new rows of one table or of both. A
    second call then gives the same bytes as a call without a kill.

    Raises:
        OSError: a file cannot be read or written; the tables are unchanged.
    """
    staging = raw.top / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    # Not by `files.atomic`: after a kill, its temporary files would stay among the images.
    try:
        staged = {addition.target: staging / str(number) for number, addition in enumerate(additions)}
        for addition in tqdm(additions, desc="merge", unit=" images", disable=None):
            staged[addition.target].write_bytes(batch.read(addition.source))
        tables = {row.csv: staging / row.csv.replace("/", "-") for row in additions}
        for table, path in tables.items():
            path.write_bytes(_grown(raw, table, data, [addition for addition in additions if addition.csv == table]))
        # One flush for all: fsync of each small file takes milliseconds.
        os.sync()
        _put(raw, staged)
        os.sync()
        _put(raw, tables)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _grown(raw: FolderSource, table: str, data: Data, rows: Sequence[Addition]) -> bytes:
    columns = "filename,label" if rows[0].label else "filename"
    content = raw.read(table) if (raw.top / table).is_file() else f"{columns}\n".encode()
    return appended(content, data, rows)


def _put(raw: FolderSource, staged: Mapping[str, Path]) -> None:
    for target, path in staged.items():
        (raw.top / target).parent.mkdir(parents=True, exist_ok=True)
        path.replace(raw.top / target)


def appended(content: bytes, data: Data, rows: Sequence[Addition]) -> bytes:
    """Return a table with rows added; its order of columns, delimiter and line ends are kept."""
    first = content.decode("utf-8-sig").partition("\n")[0]
    separator = delimiter(first)
    columns = [name.strip() for name in next(csv.reader([first], delimiter=separator))]
    roles = roles_of(columns, data)
    end = "\r\n" if b"\r\n" in content else "\n"
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", delimiter=separator, lineterminator=end)
    for row in rows:
        cells = {roles.image: row.filename, roles.label: row.label, roles.group: row.group}
        writer.writerow({column: cell for column, cell in cells.items() if column})
    return content + (b"" if content.endswith(b"\n") else end.encode()) + text.getvalue().encode()
