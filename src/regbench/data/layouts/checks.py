"""Rules for names and labels. Each cell that breaks one is named in one line."""

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from regbench.data.messages import join_lines
from regbench.errors import InputError

CONTROL = "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
"""What moves a terminal's cursor or breaks a line: control characters, and Unicode's own separators of lines."""
PRESENT = pa.Check(lambda cells: cells != "", error="must not be blank: fill it in or remove the row")
PRINTABLE = pa.Check(
    lambda cells: ~cells.str.contains(CONTROL), error="has a control character or a line break: remove it"
)
INSIDE = pa.Check(
    lambda names: ~names.str.contains(r"^/|\\|(?:^|/)\.\.(?:/|$)"),
    error="must be a path inside the folder of images, with forward slashes: correct it",
)
UNIQUE = pa.Check(
    lambda names: ~names.duplicated() | (names == ""), error="listed before: a file has one row: remove one of them"
)


def check_cells(where: str, cells: pd.DataFrame, names: str, others: Sequence[str]) -> None:
    """Check the column of file names and other columns that must be filled.

    Raises:
        InputError: one line for each cell that is blank, has a control character, leads outside, or names a file that
            an earlier row names; one line for a rule that all rows break.
    """
    columns = {column: pa.Column(str, [PRESENT, PRINTABLE]) for column in others}
    columns[names] = pa.Column(str, [PRESENT, PRINTABLE, INSIDE, UNIQUE])
    try:
        pa.DataFrameSchema(columns).validate(cells[list(columns)], lazy=True)
    except pa.errors.SchemaErrors as error:
        raise InputError(join_lines(_lines(where, cells, names, error.failure_cases))) from None


def _lines(where: str, cells: pd.DataFrame, names: str, failures: pd.DataFrame) -> list[str]:
    lines, summed = [], set()
    failures = failures.sort_values(["index", "column"], kind="stable")
    counts = failures.groupby(["column", "check"]).size()
    parts = (failures[name] for name in ("index", "column", "failure_case", "check"))
    for row, column, value, rule in zip(*parts, strict=True):
        everywhere = len(cells) > 1 and counts[column, rule] == len(cells)
        if everywhere and (column, rule) in summed:
            continue
        summed.add((column, rule))
        if rule == UNIQUE.error:
            first = cells.index[cells[names] == value][0]
            rule = rule.replace("before", f"before in row {first}")
        also = f" (and so in all {len(cells):,} rows)" if everywhere else ""
        lines.append(f"{where}: row {row}: {column} = {value!r}{also}: {rule}")
    return lines


def check_names(where: str, rows: pd.DataFrame) -> None:
    """Check filenames and labels of images that no table lists; raises InputError as `check_cells`."""
    lines = []
    for column, what in (("filename", "file name"), ("label", "label")):
        broken = rows[column].str.contains(CONTROL)
        lines += [
            f"{where}: {name!r}: its {what} has a control character or a line break: rename it"
            for name in rows["filename"][broken]
        ]
    if lines:
        raise InputError(join_lines(lines))
