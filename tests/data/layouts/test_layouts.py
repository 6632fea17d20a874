"""The same images in every layout give the same bytes; what was found is said in a line, and what is wrong as well."""

import gzip
import io
import shutil
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import layouts
from support.raw_images import noise, write_canonical
from torchvision.datasets import FashionMNIST

from regbench.config.data import Data, Split
from regbench.data.dataset import SPLITS, load_shape, load_split, read_index
from regbench.data.ingest import ingest, write
from regbench.data.layouts.recognize import read_listing
from regbench.data.raw import write_listing
from regbench.data.sources import open_source
from regbench.errors import InputError

FASHION = Path("/usr/share/datasets/fashion-mnist")


def settings(raw: Path, **changes: Any) -> Data:
    return Data(**{"raw": str(raw), "image_size": (8, 8), **changes})


def run(raw: Path, out: Path, **changes: Any) -> str:
    """Ingest; return the line that says what was found."""
    ingested = ingest(settings(raw, **changes))
    write(ingested, out)
    return ingested.found


def listed(raw: Path, **changes: Any) -> pd.DataFrame:
    return read_listing(open_source(raw), settings(raw, **changes)).rows


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data that the canonical layout gives."""
    folder = tmp_path_factory.mktemp("canonical")
    found = run(layouts.canonical(folder / "raw"), folder / "data")
    assert found == "found: a table with images beside it, 3 classes, 300 images"
    return folder / "data"


@pytest.mark.parametrize("name", [*layouts.NAMED, *layouts.NUMBERED])
def test_every_layout_gives_the_bytes_of_the_canonical_one(tmp_path: Path, expected: Path, name: str) -> None:
    numbered = name in layouts.NUMBERED
    raw = (layouts.NUMBERED if numbered else layouts.NAMED)[name](tmp_path / "raw")
    found = run(raw, tmp_path / "data")
    assert found.startswith("found: ") and "3 classes, 300 images" in found
    classes = ("0", "1", "2") if numbered else layouts.CLASSES
    assert load_shape(tmp_path / "data/dataset.json").classes == classes
    for split in SPLITS:
        assert (tmp_path / "data" / split / "images.npy").read_bytes() == (expected / split / "images.npy").read_bytes()
        ours, theirs = (read_index(folder, split) for folder in (tmp_path / "data", expected))
        assert ours["hash"].tolist() == theirs["hash"].tolist()
        assert list(load_split(tmp_path / "data", split).labels) == list(load_split(expected, split).labels)


@pytest.mark.parametrize("name", ["class_folders", "pixel_table", "idx", "npz", "parquet"])
def test_the_layout_can_be_fixed_and_another_one_is_refused(tmp_path: Path, name: str) -> None:
    raw = (layouts.NAMED | layouts.NUMBERED)[name](tmp_path / "raw")
    pd.testing.assert_frame_equal(listed(raw, layout=name), listed(raw))
    other = "idx" if name != "idx" else "npz"
    with pytest.raises(InputError, match=r"holds .*: no layout that is known"):
        listed(raw, layout=other)


@pytest.mark.parametrize("name", [*layouts.NAMED, *layouts.NUMBERED])
def test_export_writes_the_canonical_layout_from_any(tmp_path: Path, expected: Path, name: str) -> None:
    raw = (layouts.NAMED | layouts.NUMBERED)[name](tmp_path / "raw")
    write_listing(tmp_path / "out.zip", read_listing(open_source(raw), settings(raw)))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read("Train/train.csv").startswith(b"filename,label\n")
    run(tmp_path / "out.zip", tmp_path / "data")
    for split in SPLITS:
        assert (tmp_path / "data" / split / "images.npy").read_bytes() == (expected / split / "images.npy").read_bytes()


def split_tables(path: Path) -> Path:
    """Names repeat in the folders of the splits, as Kaggle's do."""
    for part, name in enumerate(("train", "val", "test")):
        chosen = range(part, 60, 3)
        for place, number in enumerate(chosen):
            (path / name).mkdir(parents=True, exist_ok=True)
            noise(number).save(path / name / f"{place}.png")
        labels = [layouts.CLASSES[number % 2] for number in chosen]
        (path / f"{name}.csv").write_text(layouts.table(id=[str(n) for n in range(20)], label=labels))
    return path


def split_column(path: Path) -> Path:
    layouts.save(path / "images", layouts.NAMES[:60])
    splits = [("Train", "VAL", "test")[number % 3] for number in range(60)]
    labels = [layouts.CLASSES[number % 2] for number in range(60)]
    (path / "data.csv").write_text(layouts.table(path=layouts.NAMES[:60], label=labels, subset=splits))
    return path


def split_npz(path: Path) -> Path:
    path.mkdir(parents=True)
    arrays = {}
    for part, name in enumerate(("train", "val", "test")):
        chosen = list(range(part, 60, 3))
        arrays[f"{name}_images"] = np.stack([np.asarray(noise(number)) for number in chosen])
        arrays[f"{name}_labels"] = np.array([layouts.CLASSES[number % 2] for number in chosen])
    np.savez(path / "medical.npz", **arrays)
    return path


def split_parquet(path: Path) -> Path:
    path.mkdir(parents=True)
    for part, name in enumerate(("train", "validation", "test")):
        chosen = range(part, 60, 3)
        columns = {
            "img": [layouts.image_bytes(noise(number)) for number in chosen],
            "label": [layouts.CLASSES[number % 2] for number in chosen],
        }
        pq.write_table(pa.table(columns), path / f"{name}.parquet")
    return path


@pytest.mark.parametrize("make", [layouts.split_folders, split_tables, split_column, split_npz, split_parquet])
def test_given_splits_are_kept_unless_hash_is_asked_for(tmp_path: Path, make: Any) -> None:
    raw = make(tmp_path / "raw")
    assert "2 classes, 60 images" in (found := run(raw, tmp_path / "data"))
    assert found.endswith("splits given: train, validation, test")
    for part, split in enumerate(SPLITS[:3]):
        loaded = load_split(tmp_path / "data", split)
        pixels = {noise(number).tobytes(): number % 2 for number in range(part, 60, 3)}
        assert {image.tobytes(): label for image, label in zip(loaded.images, loaded.labels, strict=True)} == pixels
    assert len(load_split(tmp_path / "data", "unlabelled")) == (make is layouts.split_folders)
    run(raw, tmp_path / "hashed", split=Split(method="hash"))
    assert len(load_split(tmp_path / "hashed", "train")) > 30
    write_listing(tmp_path / "again", read_listing(open_source(raw), settings(raw)))
    run(tmp_path / "again", tmp_path / "exported")
    for split in SPLITS:
        assert load_split(tmp_path / "exported", split).hashes == load_split(tmp_path / "data", split).hashes


@pytest.mark.fault
def test_a_damaged_image_stops_an_export_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    raw = layouts.tabs_and_no_extensions_in_a_zip(tmp_path / "raw")
    with zipfile.ZipFile(raw) as archive:
        member = archive.getinfo("train/007.png")
    content = bytearray(raw.read_bytes())
    content[member.header_offset + 60] ^= 1
    raw.write_bytes(content)
    with pytest.raises(InputError, match=r"raw.zip: train/007.png: damaged in the zip .*: copy or pack it again"):
        write_listing(tmp_path / "out.zip", read_listing(open_source(raw), settings(raw)))
    assert not list(tmp_path.glob("*out*"))


def test_kaggle_s_test_table_without_labels_is_unlabelled(tmp_path: Path) -> None:
    pixels = [f"pixel{number}" for number in range(64)]
    raw = layouts.pixel_table(tmp_path / "raw")
    pd.DataFrame(layouts.pixels()[:5].reshape(5, -1), columns=pixels).to_csv(raw / "test.csv", index=False)
    assert run(raw, tmp_path / "data") == "found: a table of pixels, 3 classes, 300 images, 5 unlabelled"
    np.testing.assert_array_equal(load_split(tmp_path / "data", "unlabelled").images[:, 0], layouts.pixels()[:5])


def test_colours_of_every_packed_layout_keep_their_channels(tmp_path: Path) -> None:
    colours = np.stack([np.asarray(noise(number, channels=3)) for number in range(40)])
    labels = np.arange(40) % 2
    np.savez(tmp_path / "rgb.npz", images=colours, labels=labels)
    rows = pd.DataFrame(colours.reshape(40, -1), columns=[f"p{number}" for number in range(192)])
    rows.insert(0, "label", labels)
    (tmp_path / "table").mkdir()
    rows.to_csv(tmp_path / "table/all.csv", index=False)
    for raw in (tmp_path / "rgb.npz", tmp_path / "table"):
        ingested = ingest(settings(raw, channels=3))
        images = ingested.pixels.reshape(40, 3, 8, 8)
        np.testing.assert_array_equal(images, colours.transpose(0, 3, 1, 2))


def test_groups_stay_together_and_are_written(tmp_path: Path) -> None:
    raw = layouts.with_groups(tmp_path / "raw", "patient", age=["7"] * 300)
    patients = [f"p{number % 40}" for number in range(300)]
    listing = read_listing(open_source(raw), settings(raw, group="patient"))
    assert listing.notes == ("Train/train.csv: columns that are not used: age",)
    assert run(raw, tmp_path / "data", group="patient").endswith("300 images, 40 groups")
    seen: dict[str, str] = {}
    for split in SPLITS[:3]:
        index = pd.read_csv(tmp_path / "data" / split / "index.csv", dtype=str)
        for group in index["group"]:
            assert seen.setdefault(group, split) == split
    assert set(seen) == set(patients)
    with pytest.raises(
        InputError, match=r"data.group = 'doctor': .*train.csv has no such column, but filename, label, patient, age"
    ):
        run(raw, tmp_path / "data", group="doctor")


def test_names_in_another_unicode_form_are_found(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    names = [f"é{number:02d}.png" for number in range(40)]
    layouts.save(raw, [unicodedata.normalize("NFD", name) for name in names])
    labels = [unicodedata.normalize("NFD" if number % 4 else "NFC", "ü" if number % 2 else "o") for number in range(40)]
    (raw / "labels.csv").write_text(layouts.table(filename=names, label=labels))
    assert run(raw, tmp_path / "data").endswith("2 classes, 40 images")


@pytest.mark.parametrize(
    ("cell", "file", "problem"),
    [
        ("Train/Images/7.png", "Images/7.png", "no such file, but there is 'Images/7.png': correct the folder"),
        ("7.PNG", "pictures/7.png", "no such file, but there is 'pictures/7.png': correct upper and lower case"),
        ("7", "a/7.png", ""),
        ("a/7", "a/7.png", ""),
        ("./7.png", "7.png", ""),
        ("raw/a/7.png", "raw/a/7.png", ""),
        ("8.png", "7.png", "no such file: add it, or remove the row"),
    ],
)
def test_what_people_write_is_found_or_explained(tmp_path: Path, cell: str, file: str, problem: str) -> None:
    layouts.save(tmp_path / "raw", [file, "other/1.png"])
    (tmp_path / "raw/labels.csv").write_text(layouts.table(filename=[cell, "other/1.png"], label=["a", "b"]))
    rows = listed(tmp_path / "raw")
    assert rows["problem"].tolist() == [problem, ""]
    assert rows["name"].tolist() == ["" if problem else file, "other/1.png"]


def test_a_name_that_several_files_have_is_explained(tmp_path: Path) -> None:
    layouts.save(tmp_path / "raw", ["a/7.png", "b/7.png"])
    (tmp_path / "raw/labels.csv").write_text(layouts.table(filename=["7.png", "b/7.png"], label=["a", "b"]))
    assert listed(tmp_path / "raw")["problem"][0].startswith("several files are called so (a/7.png, b/7.png): give")


def broken_idx(path: Path, content: bytes) -> Path:
    layouts.idx(path)
    (path / "train-images-idx3-ubyte").write_bytes(content)
    return path


@pytest.mark.fault
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: broken_idx(p, b""), r"train-images-idx3-ubyte: not an IDX file of bytes .*: copy it again"),
        (lambda p: broken_idx(p, b"\0\0\x0d\x03" + bytes(12)), r"begins with 00 00 0d 03 and not with 00 00 08"),
        (lambda p: broken_idx(p, b"\0\0\x08\x03\0\0\0\x09\0\0\0\x08\0\0\0\x08" + bytes(64)), r"not an IDX file"),
        (
            lambda p: broken_idx(p, b"\0\0\x08\x03\0\0\0\x01\0\0\0\x08\0\0\0\x08" + bytes(64)),
            r"300 labels for 1 images",
        ),
        (
            lambda p: write_npz(p, x=np.zeros((3, 2, 2)), y=np.zeros(3)),
            r"x: type = float64: must be whole numbers of 0",
        ),
        (lambda p: write_npz(p, x=np.full((3, 2, 2), 300), y=np.zeros(3)), r"x: type = int64: must be whole numbers"),
        (lambda p: write_npz(p, x=np.zeros((3, 2), np.uint8), y=np.zeros(3)), r"x: shape = \(3, 2\): must be"),
        (lambda p: write_npz(p, x=np.zeros((3, 2, 2), np.uint8), y=np.zeros(2)), r"y: shape = \(2,\): must be \(3,\)"),
        (lambda p: write_npz(p, a=np.zeros(3), b=np.zeros(2)), r"arrays = a, b: must be images and labels"),
        (lambda p: write_npz(p, x=np.array([{}, []], object), y=np.zeros(2)), r"x holds Python objects"),
        (lambda p: write_file(p / "all.npz", b"PK no zip"), r"all.npz: not a readable .npz"),
        (lambda p: write_file(p / "all.parquet", b"PAR1 no table"), r"all.parquet: not a readable Parquet file"),
        (lambda p: write_parquet(p, x=[1], label=[2]), r"columns = x, label: must have one of encoded images"),
        (lambda p: write_parquet(p, image=[None, b""], label=[2, 3]), r"row 1: image: holds no image file"),
        (lambda p: write_parquet(p, image=[b"x", b"y"], label=[None, "3"]), r"row 1: label = '': must not be blank"),
        (
            lambda p: pixels_csv(p, "label", "0,1,x"),
            r"train.csv: row 2: pixel1 = x: must be a whole number of 0 to 255",
        ),
        (lambda p: pixels_csv(p, "label", "0,1,2.5"), r"row 2: pixel1 = 2.5: must be a whole number"),
        (lambda p: pixels_csv(p, "label", "0,1,256"), r"row 2: pixel1 = 256: must be a whole number"),
        (lambda p: pixels_csv(p, "label", ",1,25"), r"row 2: label = '': must not be blank"),
        (
            lambda p: write_file(p / "train.csv", b"label," + b",".join(b"pixel%d" % n for n in range(64))),
            r"train.csv: has a header but no rows: list the images in it",
        ),
        (
            lambda p: pixels_csv(p, "label", "0,1,2", 17),
            r"17 columns of pixels: must make a square, or data.image_size",
        ),
        (lambda p: write_file(p / "a.txt", b"x"), r"holds 1 files \(1 .txt; such as a.txt\): no layout that is known"),
        (
            lambda p: write_file(p / "a/1.png", b"x"),
            r"no layout that is known: known are one folder per class, a table",
        ),
    ],
)
def test_each_defect_is_one_line(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        listed(make(tmp_path / "raw"))
    assert len(str(caught.value).splitlines()) == 1


def write_file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path.parent if path.parent.name == "raw" else path.parent.parent


def write_npz(path: Path, **arrays: Any) -> Path:
    np.savez(buffer := io.BytesIO(), **arrays)
    return write_file(path / "all.npz", buffer.getvalue())


def write_parquet(path: Path, **columns: Any) -> Path:
    path.mkdir()
    pq.write_table(pa.table(columns), path / "all.parquet")
    return path


def pixels_csv(path: Path, label: str, start: str, pixels: int = 16) -> Path:
    header = ",".join([label, *(f"pixel{number}" for number in range(pixels))])
    row = ",".join([start, *["0"] * (pixels - 2)])
    return write_file(path / "train.csv", f"{header}\n{row}\n".encode())


def test_several_tables_with_labels_must_be_chosen_from(tmp_path: Path) -> None:
    raw = layouts.other_columns(tmp_path / "raw")
    shutil.copy(raw / "labels.csv", raw / "more.csv")
    with pytest.raises(InputError, match=r"several tables have labels \(labels.csv, more.csv\): give one of them as"):
        listed(raw)
    assert len(listed(raw, train_csv="labels.csv")) == 300


def test_columns_can_be_named(tmp_path: Path) -> None:
    layouts.save(tmp_path / "raw/images", layouts.NAMES[:4])
    (tmp_path / "raw/t.csv").write_text(
        layouts.table(label=["a", "b", "a", "b"], which=layouts.NAMES[:4], kind=["x", "y", "y", "x"])
    )
    with pytest.raises(InputError, match="no layout that is known"):
        listed(tmp_path / "raw")
    rows = listed(tmp_path / "raw", image_column="which", label_column="kind")
    assert rows["label"].tolist() == ["x", "y", "y", "x"] and rows["problem"].eq("").all()


def test_images_that_are_all_equal_are_said_to_be(tmp_path: Path) -> None:
    raw = write_canonical(tmp_path / "raw", images=40)
    for number in range(40):
        noise(0).save(raw / f"Train/Images/train/{number}.png")
    with pytest.raises(InputError, match=r"all 40 images are equal after conversion to 8 x 8 pixels and 1 channel"):
        ingest(settings(raw))


def fashion_root(folder: Path) -> Path:
    """Return a folder as torchvision wants it, with Debian's files unpacked."""
    raw = folder / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    for path in FASHION.glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    return folder


@pytest.mark.skipif(not FASHION.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_debian_s_fashion_mnist_is_read_where_it_lies(tmp_path: Path) -> None:
    ingested = ingest(settings(FASHION, image_size=(28, 28)))
    assert ingested.found == "found: idx files, 10 classes, 70,000 images, splits given: train, test"
    validation = len(ingested.rows("validation"))
    assert abs(validation - 6_000) < 5 * (60_000 * 0.1 * 0.9) ** 0.5
    assert [len(ingested.rows(split)) for split in SPLITS] == [60_000 - validation, validation, 10_000, 0]
    theirs = FashionMNIST(fashion_root(tmp_path), train=False)
    rows = ingested.rows("test")
    np.testing.assert_array_equal(ingested.images(rows)[:, 0], theirs.data.numpy())
    assert ingested.index["label"].to_numpy()[rows].tolist() == [str(target) for target in theirs.targets.tolist()]
