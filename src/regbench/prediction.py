"""Labels for images that have none: the mean probability of a variant's runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from regbench.compute import device, prepare
from regbench.data.dataset import Split
from regbench.errors import InputError
from regbench.model import load_model
from regbench.params import Compute


def predict(runs: Path, split: Split, compute: Compute) -> pd.DataFrame:
    """Return `filename`, `label` and `probability` for every image of `split`, in its order.

    `runs` is the folder of one variant; the probabilities of its seeds are averaged.

    Raises:
        InputError: the folder holds no run, or the split no images.
    """
    folders = sorted(runs.glob("seed-*"))
    if not folders:
        raise InputError(f"{runs}: holds no run: name a variant that was trained (dvc repro)")
    if not len(split.filenames):
        raise InputError("data.test_csv: the data set has no unlabelled images: add the table, run `dvc repro`")
    prepare(compute)
    models = [load_model(folder).to(device(compute)) for folder in folders]
    pixels = torch.from_numpy(split.images)
    probabilities = np.mean([model.probabilities(pixels).numpy() for model in models], axis=0)
    labels = np.array(models[0].classes)[probabilities.argmax(1)]
    return pd.DataFrame({"filename": split.filenames, "label": labels, "probability": probabilities.max(1)})
