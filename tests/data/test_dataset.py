"""Classes, and what later stages read."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from regbench import files
from regbench.data.dataset import DataShape, load_shape, load_split, sample_rows, sort_classes
from regbench.errors import IntegrityError


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "-1", "9", "0.5"], ("-1", "0.5", "9", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["cat", "Dog", "ant"], ("Dog", "ant", "cat")),
        (["nan", "1", "inf"], ("1", "inf", "nan")),
        (["01", "1"], ("01", "1")),
    ],
)
def test_classes_are_sorted_by_value_where_all_are_numbers(labels: list[str], expected: tuple[str, ...]) -> None:
    assert sort_classes(labels) == expected
    assert sort_classes(reversed(labels)) == expected


def write_index(folder: Path, *rows: str) -> None:
    """Write the index of the images that are in a folder."""
    hashes = [hashlib.sha256(image.tobytes()).hexdigest() for image in files.read_array(folder / "images.npy")]
    lines = ["filename,label,split,hash", *map(",".join, zip(rows, hashes, strict=True))]
    (folder / "index.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Return a folder as ingest leaves it: three train images of 2x3 pixels, and one unlabelled."""
    files.write_json(tmp_path / "dataset.json", {"classes": ["NA", "7"], "channels": 1, "height": 2, "width": 3})
    files.write_array(tmp_path / "train/images.npy", np.arange(18, dtype=np.uint8).reshape(3, 1, 2, 3))
    write_index(tmp_path / "train", "a,7,train", "b,NA,train", "c,7,train")
    files.write_array(tmp_path / "unlabelled/images.npy", np.zeros((1, 1, 2, 3), dtype=np.uint8))
    write_index(tmp_path / "unlabelled", "d,,unlabelled")
    return tmp_path


def test_a_split_is_read_as_it_was_written(packed: Path) -> None:
    split = load_split(packed, "train")
    assert len(split) == 3
    assert isinstance(split.images, np.memmap)
    np.testing.assert_array_equal(split.images, np.arange(18, dtype=np.uint8).reshape(3, 1, 2, 3))
    assert split.labels.dtype == np.int64
    assert list(split.labels) == [1, 0, 1]
    assert split.filenames == ("a", "b", "c")
    assert split.hashes == tuple(hashlib.sha256(bytes(range(6 * row, 6 * row + 6))).hexdigest() for row in range(3))
    assert list(load_split(packed, "unlabelled").labels) == [-1]


def test_what_is_done_to_a_split_never_reaches_its_file(packed: Path) -> None:
    before = (packed / "train/images.npy").read_bytes()
    images = load_split(packed, "train").images
    if images.flags.writeable:
        images[:] = 0
    assert (packed / "train/images.npy").read_bytes() == before


def test_the_shape_of_inputs_follows_from_the_data(packed: Path) -> None:
    shape = load_shape(packed / "dataset.json")
    assert shape == DataShape(("NA", "7"), 1, 2, 3)
    assert (shape.image, shape.pixels) == ((1, 2, 3), 6)


@pytest.mark.fault
def test_a_label_outside_the_classes_is_named(packed: Path) -> None:
    write_index(packed / "train", "a,7,train", "b,8,train", "c,7,train")
    with pytest.raises(IntegrityError, match=r"train/index.csv: row 3: label = '8': must be one of .* \(NA, 7\)"):
        load_split(packed, "train")


@pytest.mark.fault
def test_an_array_that_does_not_fit_its_index_is_refused(packed: Path) -> None:
    files.write_array(packed / "train/images.npy", np.zeros((2, 1, 2, 3), dtype=np.uint8))
    with pytest.raises(IntegrityError, match=r"train/images.npy = uint8 \(2, 1, 2, 3\): must be uint8 \(3, 1, 2, 3\)"):
        load_split(packed, "train")
    files.write_array(packed / "train/images.npy", np.zeros((3, 1, 2, 3)))
    with pytest.raises(IntegrityError, match=r"train/images.npy = float64"):
        load_split(packed, "train")


@pytest.mark.fault
@pytest.mark.parametrize("what", ["pixel", "hash", "order"])
def test_pixels_that_ingest_did_not_write_are_refused(packed: Path, what: str) -> None:
    """One changed bit, an edited index, two rows exchanged: length and shape are as they were."""
    images, index = packed / "train/images.npy", packed / "train/index.csv"
    content, (head, *rows) = bytearray(images.read_bytes()), index.read_text().splitlines()
    if what == "pixel":
        content[-1] ^= 1
        images.write_bytes(content)
    if what == "hash":
        rows[2] = f"{rows[2][:-1]}{'1' if rows[2].endswith('0') else '0'}"
    if what == "order":
        rows[1], rows[2] = rows[2], rows[1]
    index.write_text("\n".join([head, *rows]) + "\n")
    place = r"image 1 \(c\)" if what == "order" else r"image 2 \(c\)"
    with pytest.raises(IntegrityError, match=rf"train/images.npy: {place}: .*dvc repro --force ingest"):
        load_split(packed, "train")


@pytest.mark.fault
def test_an_index_with_one_cell_too_many_is_refused(packed: Path) -> None:
    index = packed / "train/index.csv"
    head, first, *rows = index.read_text().splitlines()
    index.write_text("\n".join([head, f"more,{first}", *rows]) + "\n")
    with pytest.raises(IntegrityError, match=r"a row with more cells than its header.*: run the stage ingest again"):
        load_split(packed, "train")


@pytest.mark.fault
def test_missing_and_damaged_files_say_what_to_run(packed: Path) -> None:
    with pytest.raises(IntegrityError, match=r"test/images.npy: no such file: run the stage ingest"):
        load_split(packed, "test")
    (packed / "train/images.npy").write_bytes((packed / "train/images.npy").read_bytes()[:140])
    with pytest.raises(IntegrityError, match=r"train: unreadable .* run the stage ingest again"):
        load_split(packed, "train")
    twice = {"classes": ["a", "a"], "channels": 1, "height": 8, "width": 8}
    for content in ("{", "[]", "[" * 100_000, json.dumps({"classes": []}), json.dumps(twice)):
        (packed / "dataset.json").write_text(content)
        with pytest.raises(IntegrityError, match=r"dataset.json: not a data set's shape"):
            load_shape(packed / "dataset.json")
    (packed / "dataset.json").unlink()
    with pytest.raises(IntegrityError, match=r"dataset.json: no such file: run the stage ingest"):
        load_split(packed, "train")


def test_a_sample_is_chosen_by_hash_and_not_by_the_order_of_the_rows() -> None:
    """Rows sorted by class: the first tenth of them would be one class of ten."""
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(2_000)]
    rows = sample_rows(hashes, 200)
    assert list(rows) == sorted(rows) and len(rows) == 200
    assert set(rows // 200) == set(range(10))
    again = sample_rows(hashes[::-1], 200)
    assert {hashes[row] for row in rows} == {hashes[::-1][row] for row in again}
    assert len(sample_rows(hashes[:5], 200)) == 5
