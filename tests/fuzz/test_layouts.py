"""Whatever a raw data set holds: a listing whose rows satisfy their invariants, or one of our errors."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import layouts
from support.fuzzing import Tally, check_message, damaged, edited
from support.memory_source import MemorySource

from regbench.config.data import Data
from regbench.data.images import Conversion, ImageError, decode
from regbench.data.layouts.listing import COLUMNS, IMAGE_SUFFIXES, Listing
from regbench.data.layouts.recognize import read_listing, read_unlabelled

Files = Mapping[str, bytes]
SETTINGS = Data(image_size=(8, 8))
CONVERSION = Conversion.of(SETTINGS)
BINARY = (layouts.idx, layouts.gzipped_idx, layouts.npz, layouts.npz_of_other_types, layouts.parquet)
TEXT = (layouts.canonical, layouts.two_tables, layouts.hugging_face_jsonl, layouts.pixel_table, layouts.split_folders)
WORDS = (
    *("", ",", ";", "\t", '"', "'", "\n", "\r", "\r\n", "\x00", "\x1b", "\ufeff", "\u2028", "é", "e\u0301", "\ud7ff"),
    *(
        "-1",
        "256",
        "1e3",
        "nan",
        "inf",
        "NA",
        "null",
        "9" * 40,
        "0.5",
        "True",
        "{",
        "}",
        "[",
        "[" * 2_000,
        '{"a": 1}',
        "null",
    ),
    *(
        "..",
        "/etc/passwd",
        "a/../b",
        "\\",
        "./",
        ".png",
        "000.png",
        "ant",
        "label",
        "filename",
        "split",
        "train",
        "test",
    ),
)
NAMES = (
    *(
        "train",
        "test",
        "valid",
        "images",
        "labels",
        "ant",
        "bee",
        "..",
        ".",
        "",
        "/",
        "\\",
        "a b",
        "\x1b",
        "\x00",
        "é",
        "e\u0301",
    ),
    *(
        "train.csv",
        "Train/train.csv",
        "Test/Test.csv",
        "all.npz",
        "data.parquet",
        "t10k-images-idx3-ubyte",
        "x-labels-idx1-ubyte.gz",
    ),
    *("metadata.jsonl", "1.png", "2.jpg", "sample_submission.csv", "é.png", "e\u0301.png"),
)


def small(monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path], folder: Path) -> Files:
    """Return a layout of a dozen images, by the names of its files."""
    count = 12
    monkeypatch.setattr(layouts, "IMAGES", count)
    monkeypatch.setattr(layouts, "LABELS", tuple(layouts.CLASSES[number * 3 // count] for number in range(count)))
    monkeypatch.setattr(layouts, "NAMES", tuple(f"{number:03d}.png" for number in range(count)))
    make(folder / "raw")
    return MemorySource.of(folder / "raw").files


def read(files: Files, data: Data = SETTINGS) -> Listing:
    listing = read_listing(MemorySource(files), data)
    check(listing)
    check(read_unlabelled(MemorySource(files), data))
    return listing


def check(listing: Listing) -> None:
    """Assert what holds for the rows of every listing, and that each image decodes or says why it cannot."""
    rows, names = listing.rows, listing.source.names() - {""}  # An archive's entry without a name is no file.
    assert tuple(rows.columns) == COLUMNS
    for column in ("filename", "label", "split", "group", "name", "problem"):
        assert all(isinstance(cell, str) for cell in rows[column]), column
    assert set(rows["split"]) <= {"", "train", "validation", "test"}
    check_message("\n".join(["all", *(text for text in [*rows["filename"], *rows["label"], *rows["problem"]] if text)]))
    for _, row in rows.iterrows():
        assert (row["name"] in names) != bool(row["problem"])
        if row["name"]:
            decoded(listing, row)


def decoded(listing: Listing, row: "pd.Series[Any]") -> None:
    try:
        content = listing.source.read(row["name"])
        pixels, (height, width) = decode(content, CONVERSION)
    except (OSError, ImageError) as error:
        check_message(str(error))
    else:
        assert len(pixels) == 64 and height > 0 and width > 0


@pytest.mark.parametrize("make", BINARY, ids=lambda make: make.__name__)
def test_damaged(make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    files = small(monkeypatch, make, tmp_path)

    @given(name=st.sampled_from(sorted(files)), data=st.data())
    def try_one(name: str, data: st.DataObject) -> None:
        content = data.draw(damaged([files[name]]))
        tally.attempt(lambda: read({**files, name: content}))

    try_one()


@pytest.mark.parametrize("make", TEXT, ids=lambda make: make.__name__)
def test_edited(make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    files = small(monkeypatch, make, tmp_path)
    tables = [name for name in files if not name.endswith(IMAGE_SUFFIXES)] or ["train.csv"]
    texts = {name: files.get(name, b"filename,label").decode() for name in tables}

    @given(name=st.sampled_from(tables), data=st.data(), byte=st.binary(max_size=2))
    def try_one(name: str, data: st.DataObject, byte: bytes) -> None:
        content = data.draw(edited([texts[name]], WORDS)).encode("utf-8", "surrogatepass") + byte
        tally.attempt(lambda: read({**files, name: content}))

    try_one()


PATHS = st.lists(st.sampled_from(NAMES) | st.text(max_size=4), min_size=1, max_size=4).map("/".join)
CONTENTS = st.sampled_from(
    [
        layouts.image_bytes(layouts.noise(1)),
        layouts.image_bytes(layouts.noise(2)),
        b"filename,label\n1.png,ant\n2.jpg,bee\n",
        b"id,label\n1,ant\n2,bee\n",
        b"",
        json.dumps({"file_name": "1.png", "label": 3}).encode(),
    ]
) | st.binary(max_size=20)
COLUMNS_OF = st.sampled_from(["", "label", "filename", "id", "split", "nothing"])
DATA = st.builds(
    lambda layout, image, label, split, group, method: Data.model_validate(
        {
            "image_size": (8, 8),
            "layout": layout,
            "image_column": image,
            "label_column": label,
            "split_column": split,
            "group": group,
            "split": {"method": method},
        }
    ),
    st.sampled_from(["auto", "class_folders", "table", "pixel_table", "idx", "npz", "parquet"]),
    COLUMNS_OF,
    COLUMNS_OF,
    COLUMNS_OF,
    COLUMNS_OF,
    st.sampled_from(["auto", "hash", "given"]),
)


@given(files=st.dictionaries(PATHS, CONTENTS, max_size=8), data=DATA)
def test_any_files_under_any_names(files: Files, data: Data, tally: Tally) -> None:
    tally.attempt(lambda: read(files, data))
