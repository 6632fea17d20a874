"""Parquet with encoded images and labels, as Hugging Face data sets are shared."""

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.config.data import Data
from regbench.data.layouts.columns import IMAGE_COLUMNS, LABEL_COLUMNS
from regbench.data.layouts.listing import SPLIT_OF, Listing, concat, make_rows
from regbench.data.messages import name_columns
from regbench.data.sources.packed import Encoded, PackedSource, Spool
from regbench.data.sources.source import Source
from regbench.errors import InputError, reason_of
from regbench.files import parse_json

if TYPE_CHECKING:  # Importing it takes a quarter of a second, for one layout of many.
    import pyarrow.parquet as pq

LAYOUT = "parquet"
ROWS = 1_000
"""Rows in memory at a time."""


def read_parquet(source: Source, data: Data) -> Listing | None:
    """Read all .parquet files: a column of encoded images, bytes or a struct with the field `bytes`, and one of labels.

    Whole numbers become the names that the file's Hugging Face features give them, if any. A file whose name, or
    folder, begins with `train`, `validation` or `test` gives its rows that split. None where there is no such file.

    Raises:
        InputError: a file cannot be read, has no such columns, or a cell without image.
    """
    names = sorted(name for name in source.names() if name.lower().endswith(".parquet"))
    if not names:
        return None
    splits = {name: _split(name) for name in names}
    given = len(set(splits.values())) > 1 and all(splits.values())
    packed, parts, notes = {}, [], []
    for name in names:
        part = str(PurePosixPath(name).with_suffix(""))
        packed[part], labels, ignored = _read(source, name, data)
        rows = [f"{part}/{number}.png" for number in range(len(packed[part]))]
        parts.append(make_rows(rows, labels=labels or "", split=splits[name] if given else ""))
        notes += [f"{name}: columns that are not used: {name_columns(ignored)}"] if ignored else []
    return Listing(LAYOUT, concat(parts), PackedSource(source.path, packed), tuple(notes))


def _read(source: Source, name: str, data: Data) -> tuple[Encoded, list[str], list[str]]:
    """Return images, labels (none where there is no such column), and the columns that are not used."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = f"{source.path}: {name}"
    spool = Spool()
    try:
        with source.open(name) as file:
            spool.copy(file)
        table = pq.ParquetFile(pa.BufferReader(spool.array(np.uint8, (spool.length,))))
        image, label, ignored = _columns(where, table, data)
        classes = _class_names(table, label)
        images, ends, labels = Spool(), list[int](), list[str]()
        for batch in table.iter_batches(ROWS, columns=[column for column in (image, label) if column]):
            for cell in batch.column(image).to_pylist():
                content = cell.get("bytes") if isinstance(cell, dict) else cell
                if not isinstance(content, bytes):
                    raise InputError(f"{where}: row {len(ends) + 1}: {image}: holds no image file: add its bytes")
                images.write(content)
                ends.append(images.length)
            if label:
                labels += [_name(value, classes) for value in batch.column(label).to_pylist()]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{where}: not a readable Parquet file ({reason_of(error)}): copy it again") from None
    if "" in labels:
        raise InputError(f"{where}: row {labels.index('') + 1}: {label} = '': must not be blank: fill it in")
    return Encoded(images.array(np.uint8, (images.length,)), ends), labels, ignored


def _columns(where: str, table: "pq.ParquetFile", data: Data) -> tuple[str, str, list[str]]:
    """Return the columns of images and labels ("" for none), and the others."""
    columns = list(table.schema_arrow.names)

    def pick(named: str, usual: tuple[str, ...]) -> str:
        return named if named in columns else next((name for name in usual if name in columns and not named), "")

    image = pick(data.image_column, (*IMAGE_COLUMNS, "img", "bytes"))
    label = pick(data.label_column, (*LABEL_COLUMNS, "fine_label"))
    if not image:
        raise InputError(
            f"{where}: columns = {name_columns(columns)}: must have one of encoded images: name it as data.image_column"
        )
    return image, label, [name for name in columns if name not in (image, label)]


def _class_names(table: "pq.ParquetFile", label: str) -> list[str]:
    """Return the names that Hugging Face's features give to the numbers of a column; none without features."""
    metadata: dict[bytes, bytes] = table.schema_arrow.metadata or {}
    try:
        features: Any = parse_json(metadata[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _name(value: Any, classes: list[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(classes):
        return classes[value]
    return "" if value is None else str(value).strip()


def _split(name: str) -> str:
    path = PurePosixPath(name)
    word = re.split(r"[-_.]", path.name.lower())[0]
    return SPLIT_OF[word] if word in SPLIT_OF else SPLIT_OF.get(path.parent.name.lower(), "")
