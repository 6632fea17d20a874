"""What is new since the champion, and how far it is from what the champion was trained on."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from regbench.compute import prepare
from regbench.data.dataset import SplitName, load_shape, load_split, read_index
from regbench.model import Perceptron, load_model
from regbench.params import Params
from regbench.retraining.drift import DriftReport, Sample, drift_report
from regbench.retraining.gate import IMAGES, LEARNT
from regbench.retraining.incoming import Plan

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def watch(params: Params, data: Path, champion: Path, plan: Plan | None = None) -> DriftReport | None:
    """Compare new images with those in `data` that the champion was trained on; None where nothing is comparable.

    New are the images that `plan` would add, or without a plan those in `data` that the champion's own list, in its
    folder `champion`, does not have. The champion's answers to its own test images show how sure and how right it is
    where nothing has changed.
    """
    network, shape = load_model(champion), load_shape(data / "dataset.json")
    takes = network.architecture
    if (takes.channels, takes.height, takes.width) != shape.image:
        return None
    prepare(params.compute)
    table = pd.concat([read_index(data / f"{name}.csv") for name in SPLITS], ignore_index=True)
    images = np.concatenate([load_split(data, name).images for name in SPLITS])
    known = pd.read_csv(champion / IMAGES, dtype=str, keep_default_na=False)
    learnt = table["hash"].isin(known["hash"][known["split"].isin(LEARNT)]).to_numpy()
    held = table["hash"].isin(known["hash"][known["split"] == "test"]).to_numpy()
    fresh = ~table["hash"].isin(known["hash"]).to_numpy()
    labels = table["label"].to_numpy()
    new, new_labels = (images[fresh], labels[fresh]) if plan is None else (plan.images, np.array(plan.labels))
    if not len(new) or not learnt.any():
        return None
    old = Sample(images[learnt], tuple(labels[learnt]), *_answers(network, images[held], labels[held]))
    return drift_report(Sample(new, tuple(new_labels), *_answers(network, new, new_labels)), old, params.retrain.drift)


def _answers(
    network: Perceptron, images: NDArray[np.uint8], labels: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the confidence on all images, and whether the answer is the label, on those with one: the first ones."""
    found = network.probabilities(torch.from_numpy(np.ascontiguousarray(images))).numpy()
    named = np.array(network.classes, dtype=object)[found.argmax(1)]
    return found.max(1).astype(np.float64), named[: len(labels)] == labels
