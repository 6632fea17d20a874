"""Images that a small network learns in part, and what a small comparison with ensembles is made of."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from support.small_study import small_params

from regbench.config.params import Params
from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.data.raw import write_raw

CLASSES = ("a", "b", "c")


def write_learnable(path: Path, images: int = 600) -> Path:
    """Write a raw data set of noise with a grey bar, whose place tells the class of most images; return `path`."""

    def image(number: int) -> Image.Image:
        random = np.random.default_rng(number)
        pixels = random.integers(0, 200, (8, 8))
        pixels[2 * (number % len(CLASSES)) : 2 * (number % len(CLASSES)) + 2] += 55
        return Image.fromarray(pixels.astype(np.uint8))

    path.parent.mkdir(parents=True, exist_ok=True)
    write_raw(path, ((image(number), CLASSES[number % len(CLASSES)]) for number in range(images)), ())
    return path


def learnable_params(**changes: Any) -> Params:
    """Return small parameters under which networks learn something, but not all."""
    return small_params().model_copy(
        update={
            "train": Train(epochs=4, batch_size=16, learning_rate=3e-3),
            "variants": {"baseline": Variant(recipe="plain"), "l2": Variant(recipe="plain", l2=1e-2)},
            **changes,
        }
    )
