"""Fixtures that several test modules share."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regbench.raw import write_raw

MakeRaw = Callable[..., Path]


def noise(number: int, size: tuple[int, int] = (8, 8), channels: int = 1) -> Image.Image:
    """Return image `number`: always the same noise, different for each number."""
    shape = size if channels == 1 else (*size, channels)
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8))


def write_canonical(
    path: Path,
    images: int = 40,
    classes: Sequence[str] = ("0", "1"),
    unlabelled: int = 0,
    size: tuple[int, int] = (8, 8),
    channels: int = 1,
    top: str = "",
) -> Path:
    """Write a raw data set to `path` (a folder, or a .zip) whose labels take turns; return `path`.

    `top` puts the files of a folder below a top folder of that name.
    """
    labelled = ((noise(n, size, channels), classes[n % len(classes)]) for n in range(images))
    others = (noise(n, size, channels) for n in range(images, images + unlabelled))
    (path / top).parent.mkdir(parents=True, exist_ok=True)
    write_raw(path / top, labelled, others)
    return path


@pytest.fixture
def make_raw() -> MakeRaw:
    """Return the factory of small raw data sets, `write_canonical`."""
    return write_canonical


@pytest.fixture
def add_member() -> Callable[..., None]:
    """Return a function that appends a member to a zip: `add_member(path, name_or_info, content)`."""

    def add(path: Path, member: str | zipfile.ZipInfo, content: bytes, method: int = zipfile.ZIP_STORED) -> None:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(member, content, method)

    return add


@pytest.fixture
def real_zip() -> Path:
    """Return the real practice-problem archive, which stands beside the checkout where the developers have it."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "identify-the-digits.zip"
    if not path.is_file():
        pytest.skip(f"the real data set is not at {path}")
    return path
