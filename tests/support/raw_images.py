"""Made-up raw data sets for tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from regbench.data.raw import write_raw


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
