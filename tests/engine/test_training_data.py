"""What runs learn from: statistics of the train split alone, and rows that keep their labels."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_engine import small_engine, write_data
from support.small_study import small_params

from regbench.augmentation.zca import fit_whitening, scale
from regbench.data.dataset import load_split
from regbench.engine.augment import make_augmentations
from regbench.engine.training_run import TrainingData, load_training_data
from regbench.errors import InputError
from regbench.files import write_array


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path)


def load(data: Path, recipe: str, folder: Path) -> TrainingData:
    """Augment where there is nothing but the train split, and load what that left, with all of `data`."""
    alone, params = folder / "alone", small_params()
    (alone / "train").mkdir(parents=True, exist_ok=True)
    for name in ("dataset.json", "train/index.csv", "train/images.npy"):
        shutil.copy(data / name, alone / name)
    recipes = {recipe: params.recipes[recipe]}
    made = make_augmentations(small_engine(folder / "store"), recipes, params.augment, alone)
    return load_training_data(data, made[recipe])


def test_whitening_is_fitted_on_the_train_split_alone_and_applied_to_the_others(data: Path, tmp_path: Path) -> None:
    found = load(data, "zca", tmp_path)
    train, validation = load_split(data, "train"), load_split(data, "validation")
    fitted = fit_whitening(train.images, 0.1)
    assert found.whitening is not None and torch.equal(found.whitening.matrix, fitted.matrix)
    pixels = scale(torch.from_numpy(np.array(validation.images)))
    torch.testing.assert_close(found.validation.inputs(), fitted.apply(pixels))
    largest = [float(examples.inputs().mean(0).abs().max()) for examples in (found.augmented, found.validation)]
    assert largest[0] < 1e-5 < largest[1]


def test_augmented_rows_keep_their_labels_and_other_splits_their_pixels(data: Path, tmp_path: Path) -> None:
    found = load(data, "affine", tmp_path)
    train, validation = load_split(data, "train"), load_split(data, "validation")
    assert torch.equal(found.augmented.labels, torch.from_numpy(train.labels))
    assert torch.equal(found.validation.inputs(), torch.from_numpy(np.array(validation.images)))
    assert torch.equal(found.train.inputs(), torch.from_numpy(np.array(train.images)))
    first, second = found.augmented.inputs(0), found.augmented.inputs(1)
    assert first.shape == second.shape == found.train.inputs().shape
    assert not torch.equal(first, second) and not torch.equal(first, found.train.inputs())


def test_without_copies_the_network_learns_from_the_unchanged_images(data: Path, tmp_path: Path) -> None:
    found = load(data, "plain", tmp_path)
    assert found.augmented is found.train and found.whitening is None


def test_a_split_without_images_is_refused_by_its_file(data: Path, tmp_path: Path) -> None:
    index = data / "validation/index.csv"
    index.write_text(index.read_text().splitlines()[0] + "\n")
    write_array(data / "validation/images.npy", np.zeros((0, 1, 8, 8), dtype=np.uint8))
    with pytest.raises(InputError) as error:
        load(data, "plain", tmp_path)
    assert str(error.value) == f"{index}: has no images, it needs at least one: change data.split or add data"
