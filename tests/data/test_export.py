"""Torchvision's sets, from idx files made here, in the canonical layout."""

import gzip
import struct
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.project import REGBENCH, ROOT, environment

from regbench.data.export import export
from regbench.errors import InputError

TRAIN = np.random.default_rng(1).integers(0, 256, (6, 28, 28), dtype=np.uint8)
TEST = np.random.default_rng(2).integers(0, 256, (3, 28, 28), dtype=np.uint8)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


def write_set(root: Path, folder: str, prefix: str = "", labels: tuple[int, ...] = (5, 0, 4, 1, 9, 2, 7, 2, 1)) -> None:
    for part, images, chosen in (("train", TRAIN, labels[:6]), ("t10k" if not prefix else "test", TEST, labels[6:])):
        raw = root / folder / "raw"
        write_idx(raw / f"{prefix}{part}-images-idx3-ubyte", images)
        write_idx(raw / f"{prefix}{part}-labels-idx1-ubyte", np.array(chosen, dtype=np.uint8))


def read(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    with archive.open(name) as file:
        return np.asarray(Image.open(file))


def test_official_test_images_follow_the_train_rows_with_labels(tmp_path: Path) -> None:
    write_set(tmp_path, "MNIST")
    assert export("MNIST", tmp_path / "out.zip", tmp_path, test="labelled") == (9, 0)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        rows = archive.read("Train/train.csv").decode().split()
        assert rows == ["filename,label", *(f"{n}.png,{label}" for n, label in enumerate([5, 0, 4, 1, 9, 2, 7, 2, 1]))]
        np.testing.assert_array_equal(read(archive, "Train/Images/train/1.png"), TRAIN[1])
        np.testing.assert_array_equal(read(archive, "Train/Images/train/8.png"), TEST[2])
        assert len(archive.namelist()) == 10


def test_official_test_images_can_be_unlabelled(tmp_path: Path) -> None:
    write_set(tmp_path, "FashionMNIST")
    assert export("FashionMNIST", tmp_path / "out", tmp_path, test="unlabelled") == (6, 3)
    assert (tmp_path / "out/Train/train.csv").read_text().splitlines()[1] == "0.png,Sandal"
    assert (tmp_path / "out/Test/Test.csv").read_text() == "filename\n6.png\n7.png\n8.png\n"
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/Test/Images/test/7.png")), TEST[1])


def test_emnist_takes_its_split_and_turns_images_upright(tmp_path: Path) -> None:
    write_set(tmp_path, "EMNIST", "emnist-letters-", labels=(1, 2, 26, 1, 2, 3, 1, 2, 3))
    export("EMNIST", tmp_path / "out", tmp_path, split="letters", test="labelled")
    rows = (tmp_path / "out/Train/train.csv").read_text().split()
    assert rows[1:4] == ["0.png,a", "1.png,b", "2.png,z"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/Train/Images/train/0.png")), TRAIN[0].T)


def test_missing_files_are_an_error_that_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"KMNIST: no KMNIST/raw/\*-ubyte: give the folder that holds its files as --root"
    ):
        export("KMNIST", tmp_path / "out.zip", tmp_path, test="labelled")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["MNIST/raw", "", "as fetched"])
def test_files_are_read_where_they_lie_gzipped_or_not(tmp_path: Path, place: str) -> None:
    write_set(tmp_path / "made", "MNIST")
    root = tmp_path / "root" / place
    root.mkdir(parents=True)
    for path in (tmp_path / "made/MNIST/raw").iterdir():
        (root / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert export("MNIST", tmp_path / "out.zip", tmp_path / "root", test="labelled") == (9, 0)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        np.testing.assert_array_equal(read(archive, "Train/Images/train/8.png"), TEST[2])


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    write_set(tmp_path, "MNIST")
    with pytest.raises(InputError, match=r"out: exists: give a new folder"):
        (tmp_path / "out").mkdir()
        export("MNIST", tmp_path / "out", tmp_path, test="labelled")


def test_the_readme_s_command_writes_the_archive(tmp_path: Path) -> None:
    write_set(tmp_path / "downloads", "FashionMNIST")
    command = [*REGBENCH, "export", "FashionMNIST", "fashion.zip", "--root", "downloads"]
    subprocess.run(command, cwd=tmp_path, env=environment(ROOT), check=True, timeout=120)
    with zipfile.ZipFile(tmp_path / "fashion.zip") as archive:
        assert archive.read("Train/train.csv").decode().split()[1] == "0.png,Sandal"
