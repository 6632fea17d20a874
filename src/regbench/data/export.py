"""Torchvision's classification data sets in the canonical raw layout, so that they take the same path as any images."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from torchvision import datasets
from tqdm import tqdm

from regbench.data.raw import write_raw
from regbench.errors import InputError

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
        root: folder as torchvision lays it out, such as `root/MNIST/raw/train-images-idx3-ubyte`.
        download: fetch what is missing in `root`.
        split: which part of EMNIST, such as `letters`; other sets have one part and ignore it.
        test: the official test images become `labelled` rows after the train rows (then `data.split` decides anew
            what is locked away), or `unlabelled` ones.

    Raises:
        InputError: files are missing in `root`, cannot be downloaded, or `path` is a folder that exists.
    """
    official = [_open(name, root, train, download, split) for train in (True, False)]
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
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{root}: {name}: {reason}: give the folder of its files as --root, or --download") from None


def _images(dataset: Any, name: str) -> Iterator[tuple[Image.Image, str]]:
    for image, target in dataset:
        upright = image.transpose(Image.Transpose.TRANSPOSE) if name == "EMNIST" else image
        yield upright, dataset.classes[target].split(" - ")[0]
