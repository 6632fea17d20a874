"""Raw CSV files: what is accepted, and the one line that each defect gets."""

import re
from pathlib import Path

import pytest

from regbench.data.archive import FolderSource
from regbench.data.table import MAX_LISTED, read_table
from regbench.errors import InputError

BOTH = ("filename", "label")


def source(folder: Path, content: bytes) -> FolderSource:
    (folder / "t.csv").write_bytes(content)
    return FolderSource(folder, "t.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"filename,label\na.png,1\nNA,null\n",
        b"\xef\xbb\xbffilename,label\r\na.png,1\r\nNA,null\r\n",
        b"label,filename\n1,a.png\nnull,NA",
        b'filename,label\n\n"a.png", 1\n\nNA ,null\n\n',
        b"filename , label\na.png,1\nNA,null\n",
    ],
    ids=["plain", "bom-crlf", "order", "blanks", "header-blanks"],
)
def test_what_is_accepted(tmp_path: Path, content: bytes) -> None:
    table = read_table(source(tmp_path, content), "t.csv", BOTH)
    assert table.to_dict("list") == {"filename": ["a.png", "NA"], "label": ["1", "null"]}


def test_the_index_holds_line_numbers(tmp_path: Path) -> None:
    table = read_table(source(tmp_path, b"filename,label\n\na,1\n\n\nb,2\n"), "t.csv", BOTH)
    assert list(table.index) == [3, 6]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"filename,label\n", "has a header but no rows"),
        (b"filename,label\n , \n", "has a header but no rows"),
        (b"file,label\na,1\n", "row 1: columns = file,label: must be filename,label: rename"),
        (b"filename\na\n", "row 1: columns = filename: must be filename,label"),
        (b"filename,label,x\na,1,2\n", "row 1: columns = filename,label,x: must be filename,label"),
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
        read_table(source(tmp_path, content), "t.csv", BOTH)
    assert len(str(caught.value).splitlines()) == 1


def test_all_defects_are_reported_at_once_up_to_a_limit(tmp_path: Path) -> None:
    content = b"filename,label\n" + b"".join(b"%d,\n" % n for n in range(50))
    with pytest.raises(InputError) as caught:
        read_table(source(tmp_path, content), "t.csv", BOTH)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[2] for line in lines[:-1]] == [f"row {n + 2}" for n in range(MAX_LISTED)]
    assert lines[-1] == "... and 30 more"
