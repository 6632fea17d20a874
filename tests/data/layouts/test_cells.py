"""Raw CSV files: what is accepted, and the one line that each defect gets."""

import re
from pathlib import Path

import pandas as pd
import pytest

from regbench.config.data import Data
from regbench.data.layouts.recognize import read_listing
from regbench.data.messages import MAX_LISTED
from regbench.data.sources import FolderSource
from regbench.errors import InputError


def read(folder: Path, content: bytes, name: str = "t.csv") -> pd.DataFrame:
    """Return the rows of a table; the files that it names need not be there to be listed."""
    (folder / name).write_bytes(content)
    return read_listing(FolderSource(folder), Data(train_csv=name)).rows


@pytest.mark.parametrize(
    "content",
    [
        b"filename,label\na.png,1\nNA,null\n",
        b"\xef\xbb\xbffilename,label\r\na.png,1\r\nNA,null\r\n",
        b"label,filename\n1,a.png\nnull,NA",
        b'filename,label\n\n"a.png", 1\n\nNA ,null\n\n',
        b"filename , label\na.png,1\nNA,null\n",
        b"filename;label\na.png;1\nNA;null\n",
        b"filename\tlabel\na.png\t1\nNA\tnull\n",
        b"Image_ID,width,Class,note\na.png,3,1,x\nNA,4,null,\n",
        b"id,label\na.png,1\nNA,null\n",
    ],
    ids=["plain", "bom-crlf", "order", "blanks", "header-blanks", "semicolon", "tab", "other columns", "id"],
)
def test_what_is_accepted(tmp_path: Path, content: bytes) -> None:
    rows = read(tmp_path, content)
    assert rows[["filename", "label"]].to_dict("list") == {"filename": ["a.png", "NA"], "label": ["1", "null"]}


def test_rows_are_known_by_their_line_numbers(tmp_path: Path) -> None:
    assert list(read(tmp_path, b"filename,label\n\na,1\n\n\nb,2\n")["row"]) == [3, 6]


def test_json_lines_are_tables_too(tmp_path: Path) -> None:
    rows = read(
        tmp_path, b'{"file_name": "a.png", "label": 3, "n": [1]}\n\n{"file_name": "b", "label": "x"}\n', "t.jsonl"
    )
    assert rows[["filename", "label", "row"]].to_numpy().tolist() == [["a.png", "3", 1], ["b", "x", 3]]
    for content, message in ((b'{"a": 1\n', "row 1: not JSON"), (b"[1]\n", "row 1: must be a JSON object")):
        with pytest.raises(InputError, match=f"t.jsonl: {message}"):
            read(tmp_path, content, "t.jsonl")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"filename,label\n", "has a header but no rows"),
        (b"filename,label\n , \n", "has a header but no rows"),
        (
            b"who,label\na,1\n",
            "row 1: columns = who, label: must have a column of file names and one of labels (filename",
        ),
        (b"filename\na\n", "row 1: columns = filename: must have a column of file names and one of labels"),
        (b"filename,x,x\na,1,2\n", "row 1: column 'x' stands there twice: rename or remove one"),
        (
            b"filename," + b",".join(b"p%d" % n for n in range(785)) + b"\n" + b"0," * 785 + b"0\n",
            "row 1: columns = filename, p0, p1, p2, p3, p4, p5, p6, ... and 778 more: must have",
        ),
        (b"filename,label\na,1,2\nb,1,2\n", "row 2: more cells than the header has columns"),
        (b"filename,label\na,1\nb,1,2\n", "not a table (Expected 2 fields in line 3, saw 3)"),
        (b'filename,label\n"a,1\n', "not a table (EOF inside string"),
        ("filename,label\na,1\nb,é\n".encode("latin-1"), "row 3: not UTF-8 (invalid continuation byte): save"),
        (b"filename,label\na,1\nb\n", "row 3: label = '': must not be blank"),
        (b"filename,label\na,1\nb,  \n", "row 3: label = '': must not be blank"),
        (b"filename,label\na,x\x1by\n", r"row 2: label = 'x\x1by': has a control character or a line break: remove"),
        (b"filename,label\na\x01,y\n", r"row 2: filename = 'a\x01': has a control character or a line break: remove"),
        (b'filename,label\na,"x\ny"\n', r"row 2: label = 'x\ny': has a control character or a line break: remove it"),
        (b"filename,label\n,1\n", "row 2: filename = '': must not be blank"),
        (b"filename,label\na,1\nb,1\na,1\n", "row 4: filename = 'a': listed before in row 2: a file has one row"),
        (b"filename,label\na,1\na,2\n", "row 3: filename = 'a': listed before in row 2: a file has one row"),
        (b"filename,label\n../a,1\n", "row 2: filename = '../a': must be a path inside the folder of images"),
        (b"filename,label\n/a,1\n", "row 2: filename = '/a': must be a path inside"),
        (b"filename,label\nx\\a,1\n", r"row 2: filename = 'x\\a': must be a path inside"),
        (b"filename,label\na\x00,1\n", r"row 2: filename = 'a\x00': has a control character"),
    ],
)
def test_each_defect_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"t.csv: {message}")) as caught:
        read(tmp_path, content)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.fault
def test_all_defects_are_reported_at_once_up_to_a_limit(tmp_path: Path) -> None:
    content = b"filename,label\n99,1\n" + b"".join(b"%d,\n" % n for n in range(50))
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[2] for line in lines[:-1]] == [f"row {n + 3}" for n in range(MAX_LISTED)]
    assert lines[-1] == "... and 30 more"


@pytest.mark.fault
def test_a_rule_that_all_rows_break_is_one_line(tmp_path: Path) -> None:
    content = b"filename,label\n" + b"".join(b"C:\\images\\%d.png,1\n" % n for n in range(60))
    with pytest.raises(
        InputError, match=r"row 2: filename = .* \(and so in all 60 rows\): must be a path inside"
    ) as caught:
        read(tmp_path, content)
    assert len(str(caught.value).splitlines()) == 1
