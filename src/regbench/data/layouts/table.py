"""Tables with image files beside them: filename and label in CSV, TSV or JSON lines, in one table or in two."""

from collections.abc import Sequence

import pandas as pd

from regbench.config.data import Data
from regbench.data.layouts.cells import TABLE_SUFFIXES
from regbench.data.layouts.checks import check_cells
from regbench.data.layouts.file_finder import FileFinder
from regbench.data.layouts.find_tables import Table, find_fixed, find_recognized, splits_of
from regbench.data.layouts.listing import SPLIT_OF, Listing, concat, make_rows
from regbench.data.messages import join_lines, name_columns
from regbench.data.sources.source import Source
from regbench.errors import InputError

LAYOUT = "table"


def read_tables(source: Source, data: Data) -> Listing | None:
    """Read the tables of a source: those at `data.train_csv` and `data.test_csv`, else all that list images.

    A table without labels lists unlabelled images, unless another one has the labels and a column in common: then
    they are joined. Tables of several splits are known by the names of their files or folders. None where no table
    lists images.

    Raises:
        InputError: a table breaks a rule, a cell is blank, or a file is listed twice: all are named.
    """
    tables, notes = find_fixed(source, data, (data.train_csv, data.test_csv)), list[str]()
    if not tables:
        tables, notes = find_recognized(source, data)
    return _listing(source, data, tables, notes) if tables else None


def read_test_table(source: Source, data: Data) -> Listing | None:
    """Read the table at `data.test_csv` alone; None where there is none."""
    tables = find_fixed(source, data, (data.test_csv,))
    return _listing(source, data, tables, []) if tables else None


def _listing(source: Source, data: Data, tables: Sequence[Table], notes: list[str]) -> Listing:
    for table in tables:
        if data.group and table.roles.label and not table.roles.group:
            raise InputError(
                f"params.yaml: data.group = {data.group!r}: {source.path}: {table.name} has no such column, but "
                f"{name_columns(list(table.cells.columns))}: correct it"
            )
    finder = FileFinder(name for name in source.names() if not name.lower().endswith(TABLE_SUFFIXES))
    splits = splits_of([table for table in tables if table.roles.label])
    parts = [_rows(source, table, finder, splits.get(table.name, ""), data) for table in tables]
    for table in tables:
        if ignored := [name for name in table.cells.columns if name not in table.roles.used]:
            notes.append(f"{table.name}: columns that are not used: {name_columns(ignored)}")
    return Listing(LAYOUT, concat(parts), source, tuple(notes))


def _rows(source: Source, table: Table, finder: FileFinder, split: str, data: Data) -> pd.DataFrame:
    """Return the rows of a table; raises InputError for cells that break a rule."""
    cells, roles = table.cells, table.roles
    check_cells(f"{source.path}: {table.name}", cells, roles.image, [roles.label] if roles.label else [])
    filenames = cells[roles.image].tolist()
    found = [finder.find(cell, table.folders) for cell in filenames]
    given = data.split.method in ("auto", "given")
    splits: Sequence[str] | str = split if given else ""
    if given and roles.split:
        splits = _given_splits(f"{source.path}: {table.name}", cells[roles.split])
    return make_rows(
        [name for name, _ in found],
        filenames=filenames,
        labels=cells[roles.label].tolist() if roles.label else "",
        split=splits,
        group=cells[roles.group].tolist() if roles.group else "",
        table=table.name,
        rows=cells.index.tolist(),
        column=roles.image,
        problems=[problem for _, problem in found],
    )


def _given_splits(where: str, cells: "pd.Series[str]") -> list[str]:
    """Return the splits that a column gives; every other word is named and refused."""
    lines = [
        f"{where}: row {row}: {cells.name} = {cell!r}: must be train, validation or test: correct it, or set "
        "data.split.method: hash"
        for row, cell in cells.items()
        if cell.lower() not in SPLIT_OF
    ]
    if lines:
        raise InputError(join_lines(lines))
    return [SPLIT_OF[cell.lower()] for cell in cells]
