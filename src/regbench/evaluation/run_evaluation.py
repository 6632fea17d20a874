"""The predictions of one trained network, computed by a worker."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from regbench.data.dataset import SplitName, load_split
from regbench.engine.store import Store
from regbench.evaluation.corruption import CORRUPTIONS, SEVERITIES, corrupted
from regbench.evaluation.tasks import EVALUATIONS, PROBABILITIES, ROBUSTNESS, EvaluationTask
from regbench.files import write_array, write_csv
from regbench.networks.model_files import load_model
from regbench.networks.perceptron import Perceptron
from regbench.runtime.device import prepare

COLUMNS = ["corruption", "severity", "accuracy"]


def evaluate_into_store(task: EvaluationTask) -> None:
    """Predict the images of a split, and some of them under corruptions; enter both into the store."""
    prepare(task.hardware)
    split = load_split(task.data, task.split)
    network = load_model(task.run).to(task.hardware.device)
    probabilities = _predict(network, split.images)
    rows = [
        (kind, severity, float((_predict(network, images).argmax(1) == split.labels[: len(images)]).mean()))
        for (kind, severity), images in corrupted_images(task.data, task.split, task.robustness_images).items()
    ]
    with Store(task.store).write(EVALUATIONS, task.name) as folder:
        write_array(folder / PROBABILITIES, probabilities)
        write_csv(folder / ROBUSTNESS, pd.DataFrame(rows, columns=COLUMNS))


@lru_cache(maxsize=2)
def corrupted_images(data: Path, split: SplitName, count: int) -> dict[tuple[str, int], NDArray[np.uint8]]:
    """Return the first `count` images of a split under each corruption and severity, made once a process."""
    images = np.ascontiguousarray(load_split(data, split).images[:count])
    if not len(images):
        return {}
    return {(kind, severity): corrupted(images, kind, severity) for kind in CORRUPTIONS for severity in SEVERITIES}


def _predict(network: Perceptron, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = network.probabilities(torch.from_numpy(images)).numpy()
    return probabilities
