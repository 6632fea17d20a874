"""Reads the output of `evaluate` for a variant: correctness and log-loss of each seed on each image."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import IntegrityError
from regbench.files import read_array
from regbench.report.tables import required, table

SMALLEST = 1e-15
"""Probabilities are clipped here for the log-loss, as scikit-learn clips them."""


def losses(probabilities: NDArray[np.float32] | NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log-loss of each seed and image, in nats, of probabilities (seeds, images, classes)."""
    true = np.take_along_axis(probabilities, labels[np.newaxis, :, np.newaxis], axis=2)[..., 0].astype(np.float64)
    found: NDArray[np.float64] = -np.log((true / probabilities.sum(2, dtype=np.float64)).clip(SMALLEST, 1))
    return found


class Answers(NamedTuple):
    """Correctness and log-loss of a variant's networks, (seeds, images)."""

    correct: NDArray[np.bool_]
    losses: NDArray[np.float64]
    digest: str
    """Digest of the probabilities: equal digests mean the same networks."""


def read_answers(file: Path, labels: NDArray[np.int64], shape: tuple[int, int, int]) -> Answers:
    """Read the probabilities of a variant.

    Raises:
        InputError: the file is missing.
        IntegrityError: it does not fit `labels` or `shape`, (seeds, images, classes).
    """
    probabilities = required(file, read_array)
    if probabilities.shape != shape or len(labels) != shape[1]:
        found = f"shape {probabilities.shape} for {len(labels)} labels"
        raise IntegrityError(f"{file}: {found}: must be {shape} (seeds, images, classes): run `dvc repro evaluate`")
    digest = hashlib.sha256(np.ascontiguousarray(probabilities).tobytes()).hexdigest()
    return Answers(probabilities.argmax(axis=2) == labels, losses(probabilities, labels), digest)


def read_scores(file: Path, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Read the scores of a variant, one row per seed; raises the same errors as `read_answers`."""
    scores = required(file, table)
    if tuple(scores["seed"]) != seeds:
        found = f"seeds {scores['seed'].tolist()}"
        raise IntegrityError(f"{file}: {found}: must be {list(seeds)} as in params.yaml: run `dvc repro evaluate`")
    return scores


def read_labels(file: Path) -> tuple[NDArray[np.int64], NDArray[np.object_] | None]:
    """Return the class and the group of each image; None where there are no groups."""
    read = required(file, lambda path: pd.read_csv(path, dtype={"filename": str, "group": str}, keep_default_na=False))
    return read["label"].to_numpy(), read["group"].to_numpy(dtype=object) if "group" in read else None
