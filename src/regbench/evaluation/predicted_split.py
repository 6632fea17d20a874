"""Predict a split with one network, also under corruptions; holds only the code that determines the bits."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from regbench.data.dataset import SplitName, load_split, sample_rows
from regbench.evaluation.corruption import CORRUPTIONS, SEVERITIES, corrupted
from regbench.networks.ensemble import load_predictor
from regbench.networks.predictor import Predictor
from regbench.runtime.arithmetic import prepare
from regbench.runtime.hardware import Hardware

COLUMNS = ["corruption", "severity", "accuracy"]


def predict_split(
    run: Path, data: Path, split: SplitName, robustness_images: int, hardware: Hardware
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Return the probabilities of a split's images, and the accuracy on some of them under each corruption."""
    prepare(hardware)
    images = load_split(data, split)
    network = load_predictor(run).to(hardware.device)
    labels = images.labels[sample_rows(images.hashes, robustness_images)]
    rows = [
        (kind, severity, float((_predict(network, changed).argmax(1) == labels).mean()))
        for (kind, severity), changed in corrupted_images(data, split, robustness_images).items()
    ]
    return _predict(network, images.images), pd.DataFrame(rows, columns=COLUMNS)


@lru_cache(maxsize=2)
def corrupted_images(data: Path, split: SplitName, count: int) -> dict[tuple[str, int], NDArray[np.uint8]]:
    """Return `count` images of a split under each corruption and severity, made once per process.

    They are chosen by their hashes: in the user's order the first ones may all be of one class.
    """
    loaded = load_split(data, split)
    images = np.ascontiguousarray(loaded.images[sample_rows(loaded.hashes, count)])
    if not len(images):
        return {}
    return {(kind, severity): corrupted(images, kind, severity) for kind in CORRUPTIONS for severity in SEVERITIES}


def _predict(network: Predictor, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = network.probabilities(torch.from_numpy(images)).numpy()
    return probabilities
