"""What runs learn from: statistics of the train split alone, and rows that keep their labels."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.raw_images import write_canonical

from regbench.augmentation.zca import fit_whitening, scale
from regbench.config.data import Data
from regbench.data import ingest
from regbench.data.dataset import load_split
from regbench.engine.runs import Material, load_material
from regbench.errors import InputError
from regbench.files import write_array
from stages import augment

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    raw = write_canonical(tmp_path / "raw", images=120, classes=("0", "1", "2"))
    settings = Data(raw=str(raw), image_size=(8, 8))
    ingest.write(ingest.ingest(settings), tmp_path / "data")
    return tmp_path / "data"


def material(data: Path, recipe: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Material:
    """Run the stage augment where there is nothing but the train split, and load what it left, with all of `data`."""
    alone = folder / "alone"
    (alone / "train").mkdir(parents=True, exist_ok=True)
    for name in ("dataset.json", "train/index.csv", "train/images.npy"):
        shutil.copy(data / name, alone / name)
    out = folder / recipe
    monkeypatch.setattr(sys, "argv", ["augment", "--params", str(PARAMS), recipe, str(alone), str(out)])
    augment.main()
    return load_material(data, out)


def test_whitening_is_fitted_on_the_train_split_alone_and_applied_to_the_others(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = material(data, "zca", tmp_path, monkeypatch)
    train, validation = load_split(data, "train"), load_split(data, "validation")
    fitted = fit_whitening(train.images, 0.1)
    assert found.whitening is not None and torch.equal(found.whitening.matrix, fitted.matrix)
    pixels = scale(torch.from_numpy(np.array(validation.images)).flatten(1))
    torch.testing.assert_close(found.validation.rows(), fitted.apply(pixels))
    assert float(found.learnt.rows().mean(0).abs().max()) < 1e-5 < float(found.validation.rows().mean(0).abs().max())


def test_augmented_rows_keep_their_labels_and_other_splits_their_pixels(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = material(data, "affine", tmp_path, monkeypatch)
    train, validation = load_split(data, "train"), load_split(data, "validation")
    assert torch.equal(found.learnt.labels, torch.from_numpy(train.labels))
    assert torch.equal(found.validation.rows(), torch.from_numpy(np.array(validation.images)).flatten(1))
    assert torch.equal(found.train.rows(), torch.from_numpy(np.array(train.images)).flatten(1))
    first, second = found.learnt.rows(0), found.learnt.rows(1)
    assert first.shape == second.shape == found.train.rows().shape
    assert not torch.equal(first, second) and not torch.equal(first, found.train.rows())


def test_a_split_without_images_is_refused_by_its_file(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    material(data, "plain", tmp_path, monkeypatch)
    index = data / "validation/index.csv"
    index.write_text(index.read_text().splitlines()[0] + "\n")
    write_array(data / "validation/images.npy", np.zeros((0, 1, 8, 8), dtype=np.uint8))
    with pytest.raises(InputError, match=r"validation/index.csv: has no images, .*: change data.split or add"):
        load_material(data, tmp_path / "plain")
