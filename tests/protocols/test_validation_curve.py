"""Validation curve: its points are single runs, its errors those of the splits, and mistakes are one line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from support.learnable import learnable_params, write_learnable
from support.small_study import trained

from regbench.config.augmentation import Recipe
from regbench.config.network import Model
from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.data.dataset import load_split
from regbench.errors import InputError
from regbench.layout import STORE
from regbench.networks.model_files import load_model
from regbench.protocols.curve_points import curve_keys, curve_params
from regbench.protocols.protocol import ingest_raw, run_protocol
from regbench.protocols.validation_curve import write_validation_curve


@pytest.fixture
def params() -> Params:
    return learnable_params(seeds=(1, 2))


@pytest.fixture
def data(params: Params, tmp_path: Path) -> Path:
    return ingest_raw(params.data, write_learnable(tmp_path / "raw.zip", images=200), tmp_path / "ingested")


def test_points_are_single_runs_and_the_same_command_trains_nothing(params: Params, data: Path, tmp_path: Path) -> None:
    single = params.with_resolved({"baseline": Variant(recipe="plain", l2=0.01)})
    alone = run_protocol(
        single.model_copy(update={"variants": {"baseline": single.variants["baseline"]}}), data, tmp_path / "one"
    )
    before = trained(STORE)
    text = write_validation_curve(params, "baseline", "l2", [0.01, 0, 1e-4], data, tmp_path / "curve")
    after = trained(STORE)
    assert before.items() <= after.items() and len(after) == len(before) + 2 * 2, "the point 0.01 was there"
    table = pd.read_csv(tmp_path / "curve/validation-curve.csv")
    assert table["value"].tolist() == [0, 1e-4, 0.01] and table["chosen"].sum() == 1
    point = table[table["value"] == 0.01].iloc[0]
    assert point["test_error"] == pytest.approx(alone.table["test_error_percent"].iloc[0], abs=1e-12)
    assert point["log_loss"] == alone.table["log_loss"].iloc[0]
    assert text == (tmp_path / "curve/validation-curve.md").read_text()
    assert write_validation_curve(params, "baseline", "l2", [0, 1e-4, 0.01], data, tmp_path / "curve") == text
    assert trained(STORE) == after
    assert Image.open(tmp_path / "curve/validation-curve.png").size[0] > 1000


def test_errors_are_those_of_the_saved_networks_on_each_split(params: Params, data: Path, tmp_path: Path) -> None:
    write_validation_curve(params, "l2", "width", [3, 16], data, tmp_path)
    table = pd.read_csv(tmp_path / "validation-curve.csv")
    for split in ("train", "validation", "test"):
        loaded = load_split(data, split)
        for value, error in zip((3, 16), table[f"{split}_error"], strict=True):
            networks = [load_model(tmp_path / f"runs/width-{value}/seed-{seed}") for seed in params.seeds]
            said = [network.probabilities(torch.from_numpy(loaded.images)).argmax(1).numpy() for network in networks]
            assert error == pytest.approx(100 * np.mean([row != loaded.labels for row in said]))
        assert (table[f"{split}_low"] <= table[f"{split}_error"]).all()
        assert (table[f"{split}_error"] <= table[f"{split}_high"]).all()


def test_what_changes_is_the_value_alone(params: Params) -> None:
    def variants(key: str, *values: float, of: str = "l2") -> Params:
        return curve_params(params, of, key, values)[0]

    found = variants("dropout", 0.5, 0.1)
    assert list(found.variants) == ["dropout-0.1", "dropout-0.5"]
    assert found.variants["dropout-0.5"] == params.strengths("l2").model_copy(update={"dropout": 0.5})
    assert [variants("width", 4, 7).network(name).hidden for name in ("width-4", "width-7")] == [(4, 4), (7, 7)]
    assert [variants("depth", 1, 3).network(name).hidden for name in ("depth-1", "depth-3")] == [(8,), (8, 8, 8)]
    assert variants("train.epochs", 2, 9).training("train.epochs-9").epochs == 9
    turned = variants("recipe.rotate", 0, 15)
    assert (turned.recipe("recipe.rotate-15"), turned.recipe("recipe.rotate-0")) == (Recipe(rotate=15), Recipe())
    assert variants("patience", 0, 3).strengths("patience-3").patience == 3
    assert {"l1", "l2", "dropout", "recipe.zca", "train.learning_rate", "width", "depth"} <= set(curve_keys())
    assert not {"batch_norm", "proximal", "train.monitor"} & set(curve_keys())


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("dropuot", [0, 1], r"key = dropuot: has no curve: did you mean 'dropout'\?"),
        ("batch_norm", [0, 1], r"key = batch_norm: has no curve: "),
        ("l2", [0.1], r"values = \[0.1\]: a curve has 2 different ones or more: add some"),
        ("dropout", [0, 1.5], r"^dropout = 1.5: must be less than 1$"),
        ("patience", [1, 2.5], r"^patience = 2.5: must be a whole number"),
        ("train.epochs", [0, 2], r"^train.epochs = 0: must be greater than or equal to 1$"),
        ("recipe.shear", [0, 95], r"^recipe.shear = 95: must be less than 90$"),
        ("width", [0, 4], r"^width = 0: must be a whole number of 1 or more$"),
        ("l2", [1, 1 + 1e-9], r"some look alike with six digits: move them apart"),
    ],
)
def test_mistakes_are_one_line(params: Params, key: str, values: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        curve_params(params, "l2", key, values)


def test_width_is_the_perceptron_s(params: Params) -> None:
    other = params.model_copy(update={"model": Model(network="cnn")})
    with pytest.raises(InputError, match="key = width: is of the network mlp, l2 has cnn: choose another key"):
        curve_params(other, "l2", "width", [1, 2])
