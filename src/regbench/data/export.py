"""Writes torchvision's data sets in the canonical raw layout, so that ingest reads them like any others."""

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from PIL import Image
from torchvision import datasets
from tqdm import tqdm

from regbench.data.raw import write_raw
from regbench.errors import InputError, reason_of

NAMES = ("MNIST", "FashionMNIST", "KMNIST", "EMNIST", "CIFAR10")

OfficialTest = Literal["labelled", "unlabelled"]


def export(
    name: str, path: Path, root: Path, *, download: bool = False, split: str = "balanced", test: OfficialTest
) -> tuple[int, int]:
    """Write a data set to a folder or .zip; return how many labelled and unlabelled images it has.

    Labels are torchvision's class names (`Ankle boot`); digits are `0` to `9`. EMNIST's images, whose files hold them
    transposed, are turned upright.

    Args:
        name: one of `NAMES`.
        path: what to write, see `regbench.data.raw.write_raw`.
        root: folder with the set's own files, gzipped or not, such as `root/MNIST/raw/train-images-idx3-ubyte`.
        download: fetch what is missing in `root`.
        split: which part of EMNIST, such as `letters`; other sets have one part and ignore it.
        test: the official test images become `labelled` rows after the train rows (then `data.split` decides again
            what is locked away), or `unlabelled` ones.

    Raises:
        InputError: files are missing in `root`, cannot be downloaded, or `path` is a folder that exists.
    """
    with _plain_files(name, root) as files:
        official = [_open(name, root if download else files, train, download, split) for train in (True, False)]
    train_images, test_images = (_images(part, name) for part in official)
    total = sum(len(part) for part in official)
    with tqdm(total=total, desc=name, unit=" images", disable=None) as progress:

        def counted(rows: Iterator[tuple[Image.Image, str]]) -> Iterator[tuple[Image.Image, str]]:
            for row in rows:
                progress.update()
                yield row

        if test == "labelled":
            return write_raw(path, counted(chain(train_images, test_images)))
        return write_raw(path, counted(train_images), (image for image, _ in counted(test_images)))


def _open(name: str, root: Path, train: bool, download: bool, split: str) -> Any:
    options = {"split": split} if name == "EMNIST" else {}
    try:
        return getattr(datasets, name)(root=str(root), train=train, download=download, **options)
    except (RuntimeError, OSError, ValueError) as error:
        if download:
            reason = reason_of(error).rstrip(".")
            raise InputError(f"{root}: {name}: cannot be fetched ({reason}): give its files as --root") from None
        wanted = "cifar-10-batches-py" if name == "CIFAR10" else f"{name}/raw/*-ubyte"
        raise InputError(f"{root}: {name}: no {wanted}: give the folder that holds its files as --root") from None


@contextmanager
def _plain_files(name: str, root: Path) -> Iterator[Path]:
    """Yield a root in which torchvision finds the files of `name`: `root`, or one of copies, where they are gzipped.

    torchvision wants `NAME/raw/*-ubyte`; people have the files somewhere below `root`, as they were fetched.
    """
    folder = root / name / "raw"
    found = {path.name.removesuffix(".gz"): path for path in sorted(root.rglob("*-ubyte.gz")) if _belongs(path, name)}
    found |= {path.name: path for path in sorted(root.rglob("*-ubyte")) if _belongs(path, name)}
    if not found or all((folder / target).is_file() for target in found):
        yield root
        return
    with TemporaryDirectory() as temporary:
        copies = Path(temporary) / name / "raw"
        copies.mkdir(parents=True)
        for target, path in found.items():
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rb") as source, (copies / target).open("wb") as copy:
                shutil.copyfileobj(source, copy)
        yield Path(temporary)


def _belongs(path: Path, name: str) -> bool:
    """Return whether no other data set's folder is above a file: MNIST and its relatives call their files alike."""
    above = {part.lower() for part in path.parts}
    return name.lower() in above or not above & {other.lower() for other in NAMES}


def _images(dataset: Any, name: str) -> Iterator[tuple[Image.Image, str]]:
    for image, target in dataset:
        upright = image.transpose(Image.Transpose.TRANSPOSE) if name == "EMNIST" else image
        yield upright, dataset.classes[target].split(" - ")[0]
