"""Reads CSV, TSV and JSON lines as columns of text, with the line number of each row."""

import io
import json
from typing import Any

import pandas as pd

from regbench.data.sources.source import Source
from regbench.errors import InputError, reason_of
from regbench.files import parse_json

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")
DELIMITERS = (",", ";", "\t")


def read_cells(source: Source, name: str) -> pd.DataFrame:
    """Read a table as text without outer blanks; the index holds line numbers (the header is 1).

    The delimiter is that of comma, semicolon and tab which the header has most of. A byte-order mark, CRLF line ends
    and blank lines are accepted.

    Raises:
        InputError: not UTF-8, no header, no rows, a repeated column, or rows with more cells than the header.
    """
    where = f"{source.path}: {name}"
    try:
        content = source.read(name)
    except OSError as error:
        raise InputError(f"{where}: {reason_of(error)}: copy or pack it again") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise InputError(f"{where}: row {row}: not UTF-8 ({error.reason}): save the file as UTF-8") from None
    table = _json_lines(where, text) if name.lower().endswith(".jsonl") else _delimited(where, text)
    if table.empty:
        raise InputError(f"{where}: has a header but no rows: list the images in it")
    return table


def header_cells(line: str) -> list[str]:
    """Return the names in a header line, without outer blanks and quotes."""
    return [cell.strip().strip('"') for cell in line.strip("\r\n").split(delimiter(line))]


def delimiter(header: str) -> str:
    """Return the one of `DELIMITERS` that a header has most of, the comma where it has none."""
    return max(DELIMITERS, key=header.count)


def _delimited(where: str, text: str) -> pd.DataFrame:
    header = text.lstrip().partition("\n")[0]
    separator, named = delimiter(header), header_cells(header)
    if repeated := next((name for name in named if name and named.count(name) > 1), None):
        raise InputError(f"{where}: row 1: column {repeated!r} stands there twice: rename or remove one")
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, skip_blank_lines=False)
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


def _json_lines(where: str, text: str) -> pd.DataFrame:
    rows: dict[int, dict[str, str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except ValueError as error:
            raise InputError(f"{where}: row {number}: not JSON ({reason_of(error)}): correct that row") from None
        if not isinstance(record, dict):
            raise InputError(f"{where}: row {number}: must be a JSON object such as {{...}}: correct that row")
        rows[number] = {str(key).strip(): _text(value) for key, value in record.items()}
    return pd.DataFrame.from_dict(rows, orient="index", dtype=str).fillna("")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value)
