"""Augmentations on disk, as training reads them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regbench.augmentation.zca import Whitening
from regbench.files import read_array


def read_whitening(folder: Path) -> Whitening | None:
    """Return the whitening of a written recipe, or None where it has none."""
    path = folder / "whitening.safetensors"
    return Whitening.load(path) if path.exists() else None


def read_copies(folder: Path) -> NDArray[np.uint8] | None:
    """Memory-map the copies (copies, N, C, H, W) of a written recipe, or return None where it has none."""
    path = folder / "copies.npy"
    return read_array(path) if path.exists() else None
