"""Labels for unlabelled images: the mean of the seeds, in the table's order."""

from pathlib import Path

import numpy as np
import pytest
import torch

from regbench.data.dataset import Split
from regbench.errors import InputError
from regbench.model import Architecture, Perceptron, save_model
from regbench.params import Compute
from regbench.prediction import predict

ARCHITECTURE = Architecture(("cat", "dog", "owl"), channels=1, height=4, width=4, hidden=(6,))


def unlabelled(count: int) -> Split:
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), dtype=np.uint8)
    names = tuple(f"{number}.png" for number in range(count))
    return Split(images, np.full(count, -1), names, names)


def test_probabilities_of_the_seeds_are_averaged(tmp_path: Path) -> None:
    models = [Perceptron(ARCHITECTURE).initialize(seed) for seed in (1, 2)]
    for seed, model in zip((1, 2), models, strict=True):
        save_model(tmp_path / f"seed-{seed}", model)
    split = unlabelled(9)
    table = predict(tmp_path, split, Compute(device="cpu"))
    mean = sum(model.probabilities(torch.from_numpy(split.images)) for model in models) / 2
    assert table["filename"].tolist() == list(split.filenames)
    assert table["label"].tolist() == [ARCHITECTURE.classes[k] for k in mean.argmax(1)]
    np.testing.assert_allclose(table["probability"], mean.max(1).values, rtol=1e-6)


def test_no_run_and_no_image_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run: name a variant that was trained"):
        predict(tmp_path / "absent", unlabelled(3), Compute())
    save_model(tmp_path / "seed-1", Perceptron(ARCHITECTURE).initialize(1))
    with pytest.raises(InputError, match=r"data\.test_csv: the data set has no unlabelled images"):
        predict(tmp_path, unlabelled(0), Compute())
