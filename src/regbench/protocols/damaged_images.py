"""Damages an exact number of train images: wrong labels or shuffled pixels; all else is unchanged."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench import files
from regbench.data.dataset import IMAGES, INDEX, load_shape, load_split, pixel_hash, read_index
from regbench.runtime.randomness import generator

Kind = Literal["labels", "outliers"]


@dataclass(frozen=True)
class Damage:
    """The damage to a fraction of the train images."""

    kind: Kind
    """`labels`: images get the label of another class; all other classes are equally likely. `outliers`: the pixels of
    each image are shuffled in a different order, and the image keeps its label."""
    rate: float
    """The fraction, in [0, 1)."""

    @property
    def name(self) -> str:
        """Name of the condition, such as `labels-0.1`; both kinds with rate 0 are the same condition."""
        return f"{self.kind}-{self.rate:g}" if self.rate else "clean"

    def count(self, images: int) -> int:
        """Return how many of `images` images are damaged."""
        return round(self.rate * images)


def write_damaged(data: Path, out: Path, damage: Damage, seed: int) -> int:
    """Write `data` to `out` with damaged train images, the other splits linked; return how many are damaged.

    With one seed, images that are damaged at a lower rate are damaged in the same way at a higher rate.
    """
    split, index = load_split(data, "train"), read_index(data, "train")
    rows = generator(seed, "damage").permutation(len(split))[: damage.count(len(split))]
    images = np.array(split.images)
    if damage.kind == "labels":
        classes = np.array(load_shape(data / "dataset.json").classes, dtype=object)
        wrong = other_labels(split.labels, len(classes), seed)
        index.loc[rows, "label"] = classes[wrong[rows]]
    else:
        for row in rows:
            images[row] = shuffle_pixels(images[row], seed, int(row))
        index.loc[rows, "hash"] = [pixel_hash(images[row].tobytes()) for row in rows]
    write_train(data, out, images, index)
    return len(rows)


def other_labels(labels: NDArray[np.int64], classes: int, seed: int) -> NDArray[np.int64]:
    """Return a wrong label for each image, (N,); all other classes are equally likely."""
    return (labels + generator(seed, "damage", 1).integers(1, classes, size=len(labels))) % classes


def shuffle_pixels(image: NDArray[np.uint8], seed: int, row: int) -> NDArray[np.uint8]:
    """Return an image (C, H, W) with its pixels in another order; the channels of a pixel stay together."""
    channels = image.reshape(len(image), -1)
    order = generator(seed, "damage", 2 + row).permutation(channels.shape[1])
    return channels[:, order].reshape(image.shape)


def write_train(data: Path, out: Path, images: NDArray[np.uint8], index: pd.DataFrame) -> None:
    """Write a data set to `out` with another train split; the other splits and the shape are those of `data`."""
    files.write_array(out / "train" / IMAGES, images)
    files.write_csv(out / "train" / INDEX, index)
    for name in ("dataset.json", "validation", "test"):
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to((data / name).resolve())
