"""Labels for unlabelled images: the mean of the networks, in the table's order, by command from the registry too."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import MakeRaw
from numpy.typing import NDArray
from support.raw_images import noise

from regbench.config.compute import Compute
from regbench.config.data import Data
from regbench.errors import InputError, IntegrityError
from regbench.evaluation.prediction import count_formulas, load_networks, predict, read_unlabelled, write_submission
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import save_model

ARCHITECTURE = Architecture(("cat", "dog", "owl"), channels=1, height=4, width=4, hidden=(6,))
CPU = Compute(device="cpu")
TABLE, IMAGES = "Test/Test.csv", "Test/Images/test"


def pixels(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), dtype=np.uint8)


def test_probabilities_of_the_seeds_are_averaged(tmp_path: Path) -> None:
    models = [Classifier(ARCHITECTURE, seed=seed) for seed in (1, 2)]
    for seed, model in zip((1, 2), models, strict=True):
        save_model(tmp_path / f"seed-{seed}", model)
    images = pixels(9)
    mean = sum(model.probabilities(torch.from_numpy(images)) for model in models) / 2
    np.testing.assert_allclose(predict(load_networks(tmp_path), images, CPU), mean, rtol=1e-6)
    (alone,) = load_networks(tmp_path / "seed-2")
    np.testing.assert_array_equal(predict([alone], images, CPU), models[1].probabilities(torch.from_numpy(images)))


def test_a_folder_without_networks_and_networks_that_differ_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run: name a variant that was trained"):
        load_networks(tmp_path / "absent")
    save_model(tmp_path / "seed-1", Classifier(ARCHITECTURE, seed=1))
    save_model(tmp_path / "seed-2", Classifier(Architecture(("cat", "dog"), 1, 4, 4, (6,)), seed=1))
    with pytest.raises(IntegrityError, match=r"seed-2: has other classes or images than .*seed-1"):
        load_networks(tmp_path)


@pytest.mark.parametrize("kind", ["raw", "raw.zip"])
def test_images_come_in_the_order_of_the_table_and_in_the_networks_shape(
    tmp_path: Path, make_raw: MakeRaw, kind: str
) -> None:
    raw = make_raw(tmp_path / kind, images=3, unlabelled=5, size=(8, 8), channels=3)
    found = read_unlabelled(raw, Data(), Classifier(ARCHITECTURE))
    assert found.filenames == tuple(f"{n}.png" for n in range(3, 8)) and found.left_out == ()
    expected = [np.asarray(noise(n, (8, 8), 3).convert("L").resize((4, 4), 2)) for n in range(3, 8)]
    np.testing.assert_array_equal(found.images[:, 0], expected)


def test_the_labelled_part_is_not_looked_at(tmp_path: Path, make_raw: MakeRaw) -> None:
    raw = make_raw(tmp_path / "raw", images=3, unlabelled=2)
    (raw / "Train/train.csv").write_text("no table")
    assert len(read_unlabelled(raw, Data(), Classifier(ARCHITECTURE)).images) == 2


def test_without_a_table_all_images_are_taken_and_of_other_layouts_those_without_label(tmp_path: Path) -> None:
    for place in ("plain/1.png", "plain/0.png", "pets/train/cat/2.png", "pets/train/dog/3.png", "pets/test/4.png"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(int(path.stem)).save(path)
    network = Classifier(ARCHITECTURE)
    assert read_unlabelled(tmp_path / "plain", Data(), network).filenames == ("0.png", "1.png")
    assert read_unlabelled(tmp_path / "pets", Data(), network).filenames == ("test/4.png",)


def test_what_cannot_be_read_is_named_and_within_max_rejected_left_out(tmp_path: Path, make_raw: MakeRaw) -> None:
    network = Classifier(ARCHITECTURE)
    with pytest.raises(InputError, match=r"absent: no such folder or archive: give the path"):
        read_unlabelled(tmp_path / "absent", Data(), network)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"none: holds no files: no layout that is known"):
        read_unlabelled(tmp_path / "none", Data(), network)
    raw = make_raw(tmp_path / "raw", images=3, unlabelled=3)
    (raw / IMAGES / "4.png").write_bytes(b"broken")
    with pytest.raises(
        InputError, match=r"1 of 3 rows cannot be used.*\n.*row 3: filename = '4.png': no image that can be read"
    ):
        read_unlabelled(raw, Data(), network)
    found = read_unlabelled(raw, Data(max_rejected=1), network)
    assert found.filenames == ("3.png", "5.png") and "4.png" in found.left_out[0]


def test_the_submission_has_the_likeliest_class_and_all_probabilities_stand_beside_it(tmp_path: Path) -> None:
    probabilities = np.array([[0.2, 0.5, 0.3], [0.75, 0.125, 0.125]], dtype=np.float32)
    beside = write_submission(tmp_path / "s.csv", ("b,b.png", "a.png"), probabilities, ("007", "NA", "1"))
    assert beside == tmp_path / "s-probabilities.csv"
    assert (tmp_path / "s.csv").read_text() == 'filename,label\n"b,b.png",NA\na.png,007\n'
    table = pd.read_csv(beside)
    assert list(table) == ["filename", "007", "NA", "1"] and list(table["filename"]) == ["b,b.png", "a.png"]
    np.testing.assert_array_equal(table.iloc[:, 1:].to_numpy(np.float32), probabilities)


def test_cells_that_a_spreadsheet_would_run_are_counted() -> None:
    formulas = ["=HYPERLINK(1)", "+a.png", "-a.png", "@SUM(1)"]
    assert count_formulas([*formulas, "-1", "+2.5", "a=b", "007", "NA", ""]) == len(formulas)
