"""Predicts the current locked test images with champion and challenger; besides this, only `evaluate` opens them."""

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from regbench.config.compute import Compute
from regbench.data.dataset import DataShape, Split
from regbench.errors import InputError
from regbench.networks.ensemble import load_predictor
from regbench.networks.predictor import Predictor
from regbench.retraining.decision import Predictions
from regbench.runtime.arithmetic import prepare

REPEATS = 50
"""Number of images that are timed, one by one."""


def ask(folder: Path, split: Split, shape: DataShape, compute: Compute) -> Predictions:
    """Return the predictions of the network in `folder` for all images of `split`; columns are the classes of `shape`.

    A class that the network does not know has probability 0. A class that is no longer in use has no column. Rows are
    rescaled to sum to 1 without it; a row without any probability left becomes uniform.

    Raises:
        IntegrityError: the network cannot be loaded, or holds a number that is not finite.
        InputError: the network takes images of another shape.
    """
    network = load_predictor(folder)
    known = network.architecture
    if (known.channels, known.height, known.width) != shape.image:
        raise InputError(
            f"the champion takes images of {known.channels}x{known.height}x{known.width}, and today's have "
            f"{'x'.join(map(str, shape.image))}: restore data.image_size and data.channels, or name a new retrain.model"
        )
    prepare(compute)
    found = network.probabilities(torch.from_numpy(split.images)).numpy()
    megabytes = (folder / "model.safetensors").stat().st_size / 1e6
    return Predictions(_arranged(found, known.classes, shape.classes), megabytes, _milliseconds(network, split))


def respond(
    folder: Path, images: NDArray[np.uint8], labels: NDArray[np.object_], compute: Compute
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Return the confidence of the network in `folder` on each image, and whether it is right on each labelled image.

    `labels` belong to the first images. None where the network takes images of another shape.

    Raises:
        IntegrityError: the network cannot be loaded.
    """
    network = load_predictor(folder)
    known = network.architecture
    if images.shape[1:] != (known.channels, known.height, known.width):
        return None
    prepare(compute)
    found = network.probabilities(torch.from_numpy(np.ascontiguousarray(images))).numpy()
    named = np.array(network.classes, dtype=object)[found.argmax(1)]
    return found.max(1).astype(np.float64), named[: len(labels)] == labels


def _arranged(found: NDArray[np.float32], known: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.float32]:
    if known == wanted:
        return found
    columns = [found[:, known.index(name)] if name in known else np.zeros(len(found)) for name in wanted]
    arranged = np.stack(columns, axis=1).astype(np.float32)
    total = arranged.sum(1, keepdims=True)
    return np.where(total > 0, arranged / np.maximum(total, np.finfo(np.float32).tiny), 1 / len(wanted))


def _milliseconds(network: Predictor, split: Split) -> float:
    images = torch.from_numpy(np.ascontiguousarray(split.images[:REPEATS]))
    if not len(images):
        return float("nan")
    network.probabilities(images[:1])  # warm-up: the first call also loads and initializes
    seconds = []
    for image in torch.split(images, 1):
        begin = time.perf_counter()
        network.probabilities(image)
        seconds.append(time.perf_counter() - begin)
    return 1000 * float(np.median(seconds))
