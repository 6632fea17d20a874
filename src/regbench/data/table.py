"""The raw CSV files: read as text, checked row by row, every problem named in one line."""

import io

import pandas as pd
import pandera.pandas as pa

from regbench.data.archive import Source
from regbench.errors import InputError

MAX_LISTED = 20
"""Problems printed at most; the others are counted."""

PRESENT = pa.Check(lambda cells: cells != "", error="must not be blank: fill it in or remove the row")
PRINTABLE = pa.Check(
    lambda cells: ~cells.str.contains(r"[\x00-\x1f\x7f]"), error="has a control character or a line break: remove it"
)
INSIDE = pa.Check(
    lambda names: ~names.str.contains(r"^/|\\|(?:^|/)\.\.(?:/|$)"),
    error="must be a path inside the folder of images, with forward slashes: correct it",
)
UNIQUE = pa.Check(
    lambda names: ~names.duplicated() | (names == ""), error="listed before: a file has one row: remove one of them"
)


def read_table(source: Source, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a CSV that has exactly `columns`, the first being `filename`; all cells are text without outer blanks.

    A byte-order mark, CRLF line ends and blank lines are accepted. The index holds line numbers (the header is 1).

    Raises:
        InputError: one line for each problem: not UTF-8, no rows, other columns, more or fewer cells than columns,
            a blank cell, a filename that is listed twice or leads outside.
    """
    where = f"{source.path}: {name}"
    table = _parse(where, source.read(name))
    if sorted(table.columns) != sorted(columns):
        raise InputError(
            f"{where}: row 1: columns = {','.join(map(str, table.columns))}: must be {','.join(columns)}: "
            "rename, add or remove columns"
        )
    if table.empty:
        raise InputError(f"{where}: has a header but no rows: list the images in it")
    schema = pa.DataFrameSchema(
        {
            column: pa.Column(str, [PRESENT, PRINTABLE, *([INSIDE, UNIQUE] if column == "filename" else [])])
            for column in columns
        }
    )
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise InputError(listing(_lines(where, table, error.failure_cases))) from None
    return table[list(columns)]


def listing(lines: list[str]) -> str:
    """Join lines, the first `MAX_LISTED` of them and a count of the others."""
    more = [f"... and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    return "\n".join(lines[:MAX_LISTED] + more)


def _parse(where: str, content: bytes) -> pd.DataFrame:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise InputError(f"{where}: row {row}: not UTF-8 ({error.reason}): save the file as UTF-8") from None
    try:
        table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, skip_blank_lines=False)
    except pd.errors.EmptyDataError:
        raise InputError(f"{where}: is empty: it must have a header and a row for each image") from None
    except pd.errors.ParserError as error:
        problem = str(error).split("error: ")[-1].strip()
        raise InputError(f"{where}: not a table ({problem}): correct that row") from None
    if not isinstance(table.index, pd.RangeIndex):
        # pandas takes cells beyond the header for row labels, which would shift every column without a word.
        raise InputError(f"{where}: row 2: more cells than the header has columns: remove the extra ones")
    table.index = table.index + 2
    table = pd.DataFrame({str(name).strip(): cells.fillna("").str.strip() for name, cells in table.items()})
    return table[(table != "").any(axis="columns")]


def _lines(where: str, table: pd.DataFrame, failures: pd.DataFrame) -> list[str]:
    lines = []
    failures = failures.sort_values(["index", "column"], kind="stable")
    cells = (failures[name] for name in ("index", "column", "failure_case", "check"))
    for row, column, value, rule in zip(*cells, strict=True):
        if rule == UNIQUE.error:
            first = table.index[table["filename"] == value][0]
            rule = rule.replace("before", f"before in row {first}")
        lines.append(f"{where}: row {row}: {column} = {value!r}: {rule}")
    return lines
