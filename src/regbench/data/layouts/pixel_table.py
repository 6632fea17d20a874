"""Tables with one column per pixel, such as `label,pixel0,...,pixel783` of Kaggle's Digit Recognizer."""

import io
import re
from collections.abc import Sequence
from math import isqrt
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.data import Data
from regbench.data.layouts.cells import TABLE_SUFFIXES, delimiter, header_cells
from regbench.data.layouts.columns import LABEL_COLUMNS
from regbench.data.layouts.listing import SPLIT_OF, Listing, concat, make_rows
from regbench.data.sources.packed import PackedSource, Pixels, Spool
from regbench.data.sources.source import Source
from regbench.errors import InputError

LAYOUT = "pixel_table"
FEWEST = 16
"""Columns of pixels that make a table one of pixels."""
CHUNK = 5_000
"""Rows read at a time."""
PIXEL = re.compile(r"\D{0,12}\d+(x\d+)?")


def read_pixel_tables(source: Source, data: Data) -> Listing | None:
    """Read all tables of pixels; one without a column of labels holds unlabelled images.

    Images are square, or of the size `data.image_size`; three values per pixel, one channel after the other in each
    pixel, are read where a square of gray pixels is not possible. None where no table is one of pixels.

    Raises:
        InputError: pixels that are no whole numbers of 0 to 255, or do not make an image.
    """
    headers = {
        name: header
        for name in sorted(source.names())
        if name.lower().endswith(TABLE_SUFFIXES[:2]) and is_pixel_header(header_cells(header := _header(source, name)))
    }
    labelled = {name: column for name, header in headers.items() if (column := _label(header_cells(header), data))}
    if not labelled:
        return None
    packed, parts = {}, []
    splits = {name: SPLIT_OF.get(PurePosixPath(name).stem.lower(), "") for name in labelled}
    given = len(set(splits.values())) > 1 and all(splits.values())
    for name, header in headers.items():
        part = str(PurePosixPath(name).with_suffix(""))
        pixels, labels = _read(source, name, header, labelled.get(name, ""), data)
        packed[part] = Pixels(pixels)
        names = [f"{part}/{number}.png" for number in range(len(pixels))]
        split = splits.get(name, "") if given else ""
        parts.append(make_rows(names, labels=labels or "", split=split, table=name, rows=range(2, len(pixels) + 2)))
    parts.sort(key=lambda rows: bool((rows["label"] == "").all()))
    return Listing(LAYOUT, concat(parts), PackedSource(source.path, packed))


def is_pixel_header(columns: Sequence[str]) -> bool:
    """Return whether nearly all columns are called as pixels are: a word and a number."""
    return sum(PIXEL.fullmatch(name) is not None for name in columns) >= max(FEWEST, len(columns) - 2)


def _header(source: Source, name: str) -> str:
    """Return the first line of a table, "" where it cannot be read: other readers say why."""
    try:
        with source.open(name) as file:
            return file.readline(1_000_000).decode("utf-8-sig", "replace").strip()
    except OSError:
        return ""


def _label(columns: Sequence[str], data: Data) -> str:
    if data.label_column:
        return data.label_column if data.label_column in columns else ""
    return next((name for name in columns if name.lower() in LABEL_COLUMNS), "")


def _read(source: Source, name: str, header: str, label: str, data: Data) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the pixels of a table, (N, H, W) or (N, H, W, 3), and its labels."""
    where, columns = f"{source.path}: {name}", header_cells(header)
    pixels = [column for column in columns if PIXEL.fullmatch(column) and column != label]
    shape = _shape(where, len(pixels), data)
    spool, labels = Spool(), list[str]()
    with source.open(name) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig")
        try:
            reader = pd.read_csv(text, sep=delimiter(header), chunksize=CHUNK, dtype={label: str} if label else None)
            for chunk in reader:
                chunk.columns = pd.Index(columns)
                spool.write(_bytes(where, chunk[pixels]).data)
                labels += chunk[label].fillna("").str.strip().tolist() if label else []
        except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
            problem = str(error).split("error: ")[-1].strip()
            raise InputError(f"{where}: not a table of pixels ({problem}): correct it") from None
    if not spool.length:
        raise InputError(f"{where}: has a header but no rows: list the images in it")
    if "" in labels:
        row = labels.index("") + 2
        raise InputError(f"{where}: row {row}: {label} = '': must not be blank: fill it in or remove the row")
    return spool.array(np.uint8, (spool.length // len(pixels), *shape)), labels


def _bytes(where: str, table: pd.DataFrame) -> NDArray[np.uint8]:
    """Return rows of pixels as bytes; raises InputError at the first value that is none."""
    values = table.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    wrong = ~((values >= 0) & (values <= 255) & (values == np.floor(values)))
    if wrong.any():
        row, column = map(int, np.argwhere(wrong)[0])
        cell: Any = table.iat[row, column]
        raise InputError(
            f"{where}: row {int(str(table.index[row])) + 2}: {table.columns[column]} = {cell}: must be a whole number "
            "of 0 to 255: correct it"
        )
    return np.ascontiguousarray(values.astype(np.uint8))


def _shape(where: str, pixels: int, data: Data) -> tuple[int, ...]:
    """Return the shape of an image of so many values."""
    height, width = data.image_size
    if isqrt(pixels) ** 2 == pixels:
        return isqrt(pixels), isqrt(pixels)
    if pixels % 3 == 0 and isqrt(pixels // 3) ** 2 == pixels // 3:
        return isqrt(pixels // 3), isqrt(pixels // 3), 3
    for channels in ((), (3,)):
        if pixels == height * width * (3 if channels else 1):
            return height, width, *channels
    raise InputError(
        f"{where}: {pixels:,} columns of pixels: must make a square, or data.image_size = [{height}, {width}]: "
        "set data.image_size to the images' own size"
    )
