"""Reads stored augmentations for training, and refuses files that are not as they were written."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regbench.augmentation.zca import Whitening
from regbench.errors import IntegrityError, reason_of
from regbench.files import read_array, read_json, sha256

COPIES, WHITENING = "copies.npy", "whitening.safetensors"
SUMS = "sums.json"
"""File that holds the SHA-256 of the other two, as far as they are there."""


def read_whitening(folder: Path) -> Whitening | None:
    """Return the whitening of a written recipe, or None where it has none; IntegrityError as `read_copies`."""
    return Whitening.load(folder / WHITENING) if _has(folder, WHITENING) else None


def read_copies(folder: Path) -> NDArray[np.uint8] | None:
    """Memory-map the copies (copies, N, C, H, W) of a written recipe, or return None where it has none.

    Raises:
        IntegrityError: the file is missing, or is not what was written.
    """
    return read_array(folder / COPIES) if _has(folder, COPIES) else None


def _has(folder: Path, name: str) -> bool:
    """Return whether a recipe has a file, which is then as it was written."""
    try:
        expected = read_json(folder / SUMS).get(name)
        found = expected and sha256(folder / name)
    except (OSError, ValueError, AttributeError) as error:
        raise IntegrityError(f"{folder}: unreadable ({reason_of(error)}): run `dvc repro --force augment`") from None
    if found != expected:
        raise IntegrityError(
            f"{folder / name}: its SHA-256 is not that in {SUMS}: it was changed after it was written: run "
            "`regbench clean --gigabytes 0`, then `dvc repro --force augment`"
        )
    return bool(expected)
