"""Writes images in the canonical raw layout, as a folder or a .zip; equal input gives equal bytes."""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from PIL import Image

from regbench import files
from regbench.config.data import Data
from regbench.errors import InputError

LAYOUT = Data()
"""The default paths inside a raw data set are the canonical layout."""

WriteFile = Callable[[str, bytes], None]


def write_raw(
    path: Path, labelled: Iterable[tuple[Image.Image, str]], unlabelled: Iterable[Image.Image] = ()
) -> tuple[int, int]:
    """Write images as PNG with their CSV files; return how many labelled and unlabelled ones there are.

    Files are numbered through: `0.png`, `1.png`, ... A path that ends in `.zip` becomes a stored zip (PNG does not
    compress further) with fixed dates, any other a folder, which must be new. Both appear whole or not at all.

    Raises:
        InputError: the folder exists.
    """
    with _writer(path) as write:
        labels = []
        for number, (image, label) in enumerate(labelled):
            write(f"{LAYOUT.train_images}/{number}.png", _png(image))
            labels.append(label)
        names = [f"{number}.png" for number in range(len(labels))]
        write(LAYOUT.train_csv, _csv(pd.DataFrame({"filename": names, "label": labels})))
        tests = []
        for number, image in enumerate(unlabelled, start=len(labels)):
            write(f"{LAYOUT.test_images}/{number}.png", _png(image))
            tests.append(f"{number}.png")
        if tests:
            write(LAYOUT.test_csv, _csv(pd.DataFrame({"filename": tests})))
    return len(labels), len(tests)


@contextmanager
def _writer(path: Path) -> Iterator[WriteFile]:
    if path.suffix == ".zip":
        with files.atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            yield lambda name, content: archive.writestr(zipfile.ZipInfo(name), content)
        return
    if path.exists():
        raise InputError(f"{path}: exists: give a new folder, or a name that ends in .zip")
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)

    def write(name: str, content: bytes) -> None:
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).write_bytes(content)

    try:
        yield write
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()
