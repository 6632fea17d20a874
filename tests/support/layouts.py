"""The same labelled images in every layout that is read."""

import gzip
import io
import json
import shutil
import struct
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from support.raw_images import noise

IMAGES = 300
CLASSES = ("ant", "bee", "cat")
LABELS = tuple(CLASSES[number * len(CLASSES) // IMAGES] for number in range(IMAGES))
"""Sorted, so that folders of classes hold the images in the same order."""
NAMES = tuple(f"{number:03d}.png" for number in range(IMAGES))


def pixels() -> NDArray[np.uint8]:
    """Return the images, (N, 8, 8)."""
    return np.stack([np.asarray(noise(number)) for number in range(IMAGES)])


def numbers() -> NDArray[np.uint8]:
    """Return the labels as numbers."""
    return np.array([CLASSES.index(label) for label in LABELS], dtype=np.uint8)


def save(folder: Path, names: Sequence[str] = NAMES) -> None:
    """Write the images as PNG under these names."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise(number).save(folder / name, "PNG")


def table(**columns: Sequence[str]) -> str:
    """Return a CSV."""
    return pd.DataFrame(columns).to_csv(index=False)


def canonical(path: Path) -> Path:
    """Write `Train/train.csv` and its images."""
    save(path / "Train/Images/train")
    (path / "Train/train.csv").write_text(table(filename=NAMES, label=LABELS))
    return path


def with_groups(path: Path, column: str, **columns: Sequence[str]) -> Path:
    """The canonical layout with a column of 40 groups, and further ones."""
    canonical(path)
    groups = [f"p{number % 40}" for number in range(IMAGES)]
    content = table(**{"filename": NAMES, "label": LABELS, column: groups, **columns})
    (path / "Train/train.csv").write_text(content)
    return path


def split_folders(path: Path) -> Path:
    """Folders of classes below folders of splits, and an image of no class."""
    for number in range(60):
        folder = path / ("train", "valid", "test")[number % 3] / CLASSES[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        noise(number).save(folder / f"{number:02d}.png")
    noise(60).save(path / "test/60.png")
    return path


def class_folders(path: Path) -> Path:
    save(path, [f"{label}/{name}" for label, name in zip(LABELS, NAMES, strict=True)])
    return path


def deep_class_folders_in_a_tar(path: Path) -> Path:
    class_folders(path / "pictures/of insects")
    (path / "pictures/readme.txt").write_text("3 classes")
    with tarfile.open(path.with_suffix(".tar.gz"), "w:gz") as archive:
        archive.add(path / "pictures", "pictures")
    return path.with_suffix(".tar.gz")


def other_columns(path: Path) -> Path:
    save(path / "images")
    (path / "labels.csv").write_text(table(width=["8"] * IMAGES, Image_ID=NAMES, Target=LABELS))
    return path


def tabs_and_no_extensions_in_a_zip(path: Path) -> Path:
    save(path / "train")
    names = [Path(name).stem for name in NAMES]
    (path / "train.tsv").write_text(table(id=names, label=LABELS).replace(",", "\t"))
    return Path(shutil.make_archive(str(path), "zip", path))


def two_tables(path: Path) -> Path:
    """Labels stand in a second table, in another order, by an id."""
    save(path / "photos")
    ids = [f"x{number}" for number in range(IMAGES)]
    (path / "images.csv").write_text(table(id=ids, file_name=NAMES))
    (path / "answers.csv").write_text(table(id=ids[::-1], label=LABELS[::-1]))
    (path / "sample_submission.csv").write_text(table(id=ids, label=["ant"] * IMAGES))
    return path


def hugging_face_csv(path: Path) -> Path:
    save(path / "train")
    (path / "train/metadata.csv").write_text(table(file_name=NAMES, label=LABELS))
    return path


def hugging_face_jsonl(path: Path) -> Path:
    save(path)
    lines = [json.dumps({"file_name": name, "label": label}) for name, label in zip(NAMES, LABELS, strict=True)]
    (path / "metadata.jsonl").write_text("\n".join(lines))
    return path


def pixel_table(path: Path) -> Path:
    path.mkdir(parents=True)
    rows = pd.DataFrame(pixels().reshape(IMAGES, -1), columns=[f"pixel{number}" for number in range(64)])
    rows.insert(0, "label", LABELS)
    rows.to_csv(path / "train.csv", index=False)
    return path


def parquet(path: Path) -> Path:
    """As Hugging Face writes it: a struct of bytes and path, numbers with names in the metadata."""
    (path / "data").mkdir(parents=True)
    contents = []
    for number in range(IMAGES):
        noise(number).save(buffer := io.BytesIO(), "PNG")
        contents.append({"bytes": buffer.getvalue(), "path": None})
    features = {"label": {"names": list(CLASSES), "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    columns = pa.table({"image": contents, "label": pa.array(numbers(), pa.int64())})
    columns = columns.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    half = IMAGES // 2
    pq.write_table(columns.slice(0, half), path / "data/train-00000-of-00002.parquet")
    pq.write_table(columns.slice(half), path / "data/train-00001-of-00002.parquet")
    return path


NAMED: dict[str, Callable[[Path], Path]] = {
    function.__name__: function
    for function in (
        class_folders,
        deep_class_folders_in_a_tar,
        other_columns,
        tabs_and_no_extensions_in_a_zip,
        two_tables,
        hugging_face_csv,
        hugging_face_jsonl,
        pixel_table,
        parquet,
    )
}
"""Layouts whose labels are the names of the classes."""


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an IDX file of bytes, gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def idx(path: Path) -> Path:
    write_idx(path / "train-images-idx3-ubyte", pixels())
    write_idx(path / "train-labels-idx1-ubyte", numbers())
    return path


def gzipped_idx(path: Path) -> Path:
    write_idx(path / "MNIST/raw/train-images-idx3-ubyte.gz", pixels())
    write_idx(path / "MNIST/raw/train-labels-idx1-ubyte.gz", numbers())
    return path


def npz(path: Path) -> Path:
    path.mkdir(parents=True)
    np.savez_compressed(path / "all.npz", images=pixels()[..., None], labels=numbers()[:, None])
    return path / "all.npz"


def npz_of_other_types(path: Path) -> Path:
    path.mkdir(parents=True)
    np.savez(path / "all.npz", x=np.asfortranarray(pixels().astype(np.int64)), y=numbers().astype(np.float32))
    return path


NUMBERED: dict[str, Callable[[Path], Path]] = {
    function.__name__: function for function in (idx, gzipped_idx, npz, npz_of_other_types)
}
"""Layouts whose labels are the numbers of the classes."""


def image_bytes(image: Image.Image, kind: str = "PNG") -> bytes:
    """Return an encoded image."""
    image.save(buffer := io.BytesIO(), kind)
    return buffer.getvalue()
