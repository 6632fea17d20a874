"""Writes images in the canonical raw layout, as a folder or a .zip. Equal input gives equal bytes."""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pandas as pd
from PIL import Image
from tqdm import tqdm

from regbench import files
from regbench.config.data import Data
from regbench.data.layouts.listing import Listing, describe
from regbench.data.messages import join_lines
from regbench.errors import InputError, reason_of

LAYOUT = Data()
"""The default paths inside a raw data set are the canonical layout."""

WriteFile = Callable[[str, bytes], None]


def write_raw(
    path: Path, labelled: Iterable[tuple[Image.Image, str]], unlabelled: Iterable[Image.Image] = ()
) -> tuple[int, int]:
    """Write images as PNG in the canonical layout; return how many labelled and unlabelled ones there are.

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


def write_listing(path: Path, listed: Listing) -> tuple[int, int]:
    """Write the images of a raw data set, as the files they are, in the canonical layout; return as `write_raw`.

    Given splits and groups become columns `split` and `group`. Files keep their names, below folders of their own.

    Raises:
        InputError: `path` is a folder that exists, or an image is missing: all are named.
    """
    rows = listed.rows
    if (missing := rows["problem"] != "").any():
        lines = [f"{describe(row)}: {row['problem']}" for _, row in rows[missing].iterrows()]
        raise InputError(f"{listed.source.path}: {join_lines(lines)}")
    labelled = rows["label"] != ""
    parts = [
        (rows[labelled], LAYOUT.train_csv, LAYOUT.train_images),
        (rows[~labelled], LAYOUT.test_csv, LAYOUT.test_images),
    ]
    with _writer(path) as write, tqdm(total=len(rows), desc="export", unit=" images", disable=None) as progress:
        for part, table, folder in parts:
            if part.empty:
                continue
            names = _unique_names(part)
            for name, target in zip(part["name"], names, strict=True):
                write(f"{folder}/{target}", _content(listed, name))
                progress.update()
            filled = [column for column in ("label", "split", "group") if (part[column] != "").any()]
            write(table, _csv(part[["filename", *filled]].assign(filename=names)))
    return int(labelled.sum()), int((~labelled).sum())


def _content(listed: Listing, name: str) -> bytes:
    try:
        return listed.source.read(name)
    except OSError as error:
        raise InputError(f"{listed.source.path}: {name}: {reason_of(error)}: copy or pack it again") from None


def _unique_names(rows: pd.DataFrame) -> list[str]:
    """Return filenames with the extension of their file, below a folder of their split where two are equal."""
    repeated = rows["filename"].duplicated(keep=False)
    names = rows["filename"].where(~repeated, rows["split"] + "/" + rows["filename"])
    return [_with_suffix(filename, name) for filename, name in zip(names, rows["name"], strict=True)]


def _with_suffix(filename: str, name: str) -> str:
    """Return a filename with the extension of its file, which tables may leave out."""
    suffix = PurePosixPath(name).suffix
    return filename if PurePosixPath(filename).suffix else f"{filename}{suffix}"


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
