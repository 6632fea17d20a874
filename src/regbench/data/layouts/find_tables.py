"""Finds the tables of images in a source: where the parameters say, else all that are recognized."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from regbench.config.data import Data
from regbench.data.layouts.cells import TABLE_SUFFIXES, read_cells
from regbench.data.layouts.columns import IMAGE_COLUMNS, LABEL_COLUMNS, Roles, roles_of
from regbench.data.layouts.listing import SPLIT_OF
from regbench.data.messages import name_columns
from regbench.data.sources.source import Source
from regbench.errors import InputError


@dataclass(frozen=True, eq=False)
class Table:
    """A table that was read, and what its columns are."""

    name: str
    cells: pd.DataFrame
    roles: Roles
    folders: tuple[str, ...]
    """Where its images are looked for first, each with a slash at its end."""


def find_fixed(source: Source, data: Data, names: Sequence[str]) -> list[Table]:
    """Return those of the tables at the places that parameters name which are there."""
    images = {data.train_csv: data.train_images, data.test_csv: data.test_images}
    tops = {name: canonical_top(source, name) for name in names}
    tables = []
    for name, top in tops.items():
        if top is None or (name == data.test_csv and tops.get(data.train_csv, top) not in (top, None)):
            continue
        cells = read_cells(source, top + name)
        roles = roles_of(list(cells.columns), data)
        if not roles.image or (name == data.train_csv and not roles.label):
            raise InputError(_lacks_columns(source, top + name, list(cells.columns), name == data.train_csv))
        folder = images[name].strip("/").removeprefix("./")
        below = "" if folder in ("", ".") else f"{folder}/"
        tables.append(Table(top + name, cells, roles, (top + below, *_near(top + name), top)))
    return tables


def find_recognized(source: Source, data: Data) -> tuple[list[Table], list[str]]:
    """Return all tables that list images, and a note on each other one."""
    found, notes = [], []
    for name in sorted(name for name in source.names() if name.lower().endswith(TABLE_SUFFIXES)):
        if "submission" in name.lower():
            notes.append(f"{name}: not used, since it looks like answers to be handed in")
            continue
        cells = read_cells(source, name)
        roles = roles_of(list(cells.columns), data)
        if roles.image or roles.label:
            found.append(Table(name, cells, roles, _near(name)))
        else:
            notes.append(f"{name}: not used, since it has no column of file names or labels")
    tables = _joined(found, data)
    notes += [
        f"{table.name}: not used, since it has no column of file names" for table in tables if not table.roles.image
    ]
    tables = [table for table in tables if table.roles.image]
    labelled = [table for table in tables if table.roles.label]
    if len(labelled) > 1 and len(splits_of(labelled)) < len(labelled):
        names = ", ".join(table.name for table in labelled[:4])
        raise InputError(f"{source.path}: several tables have labels ({names}): give one of them as data.train_csv")
    return tables, notes


def canonical_top(source: Source, table: str) -> str | None:
    """Return the folder ("" or one at the top, with a slash) below which a table is; None where it is nowhere.

    Raises:
        InputError: it is in several folders.
    """
    names = source.names()
    if table in names:
        return ""
    tops = sorted(name.removesuffix(table) for name in names if name.partition("/")[2] == table)
    if len(tops) > 1:
        folders = ", ".join(top.rstrip("/") for top in tops[:3])
        raise InputError(
            f"{source.path}: {table}: under several folders ({folders}): it must be at the top or under one top "
            "folder; see data.train_csv"
        )
    return tops[0] if tops else None


def is_canonical(source: Source, data: Data) -> bool:
    """Return whether there is a table at `data.train_csv` or `data.test_csv`."""
    return any(canonical_top(source, name) is not None for name in (data.train_csv, data.test_csv))


def splits_of(tables: list[Table]) -> dict[str, str]:
    """Return the split of each table by the name of its file or folder; none where fewer than two are told."""
    found = {}
    for table in tables:
        path = PurePosixPath(table.name)
        words = [*re.findall(r"[A-Za-z][a-z]*", path.stem), path.parent.name]
        if split := next((SPLIT_OF[word.lower()] for word in words if word.lower() in SPLIT_OF), None):
            found[table.name] = str(split)
    return found if len(set(found.values())) > 1 else {}


def _lacks_columns(source: Source, table: str, columns: list[str], labelled: bool) -> str:
    wanted = "a column of file names" + (" and one of labels" if labelled else "")
    names = "data.image_column and data.label_column" if labelled else "data.image_column"
    return (
        f"{source.path}: {table}: row 1: columns = {name_columns(columns)}: must have {wanted} "
        f"({', '.join(IMAGE_COLUMNS[:4])}, ...{'; ' + ', '.join(LABEL_COLUMNS[:4]) if labelled else ''}): "
        f"add or rename them, or name them as {names}"
    )


def _joined(tables: list[Table], data: Data) -> list[Table]:
    """Give tables without labels those of another table with equal cells in a column of the same name."""
    result, used = [], set()
    for table in tables:
        other = None if table.roles.label else next(filter(None, (_key(table, other) for other in tables)), None)
        if other is None:
            result.append(table)
            continue
        labels, key = other
        used.add(labels.name)
        right = labels.cells.drop_duplicates(key).set_index(key)
        new = [column for column in right.columns if column not in table.cells.columns]
        cells = table.cells.join(right[new], on=key).fillna("")
        result.append(Table(table.name, cells, roles_of(list(cells.columns), data), table.folders))
    return [table for table in result if table.name not in used]


def _key(table: Table, other: Table) -> tuple[Table, str] | None:
    """Return another table with labels and the column by which they can be joined."""
    if not other.roles.label or other.roles.label in table.cells.columns or not table.roles.image:
        return None
    for column in table.cells.columns:
        if column in other.cells.columns and table.cells[column].isin(other.cells[column]).any():
            return other, column
    return None


def _near(table: str) -> tuple[str, ...]:
    """Return the folders in which the images of a table usually are."""
    path = PurePosixPath(table)
    folder = "" if str(path.parent) == "." else f"{path.parent}/"
    return tuple(folder + below for below in ("", f"{path.stem}/", f"{path.stem}_images/", "images/"))
