"""The network: its shape, its start, its files, and its refusal of broken ones."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from regbench.augmentation.zca import Whitening
from regbench.errors import IntegrityError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import load_model, save_model

ARTICLE = Architecture(tuple("0123456789"), channels=1, height=28, width=28, hidden=(500,) * 5)
SMALL = Architecture(("no", "yes"), channels=3, height=4, width=5, hidden=(7, 6))


def test_the_article_s_network_has_its_parameters() -> None:
    assert (
        sum(p.numel() for p in Classifier(ARTICLE).parameters()) == 784 * 500 + 4 * 500 * 500 + 500 * 10 + 5 * 500 + 10
    )


def test_glorot_uniform_kernels_and_zero_biases() -> None:
    model = Classifier(ARTICLE, seed=128)
    for layer in model.layers:
        if isinstance(layer, nn.Linear):
            bound = np.sqrt(6 / (layer.in_features + layer.out_features))
            weights = layer.weight.detach()
            assert float(weights.abs().max()) <= bound
            assert float(weights.abs().max()) > 0.98 * bound
            # The standard deviation of a uniform distribution, within five of its own.
            count = weights.numel()
            assert abs(float(weights.std()) - bound / np.sqrt(3)) < 5 * bound / np.sqrt(5 * count)
            assert not layer.bias.any()


def test_hidden_kernels_leave_out_biases_and_the_output_layer() -> None:
    assert [tuple(kernel.shape) for kernel in Classifier(SMALL).hidden_kernels] == [(7, 60), (6, 7)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"hidden": (9,)}, [(9, 60), (2, 9)]),
        ({"channels": 1}, [(7, 20), (6, 7), (2, 6)]),
        ({"width": 4}, [(7, 48), (6, 7), (2, 6)]),
        ({"classes": ("a", "b", "c")}, [(7, 60), (6, 7), (3, 6)]),
    ],
)
def test_each_field_of_the_architecture_changes_the_network(change: dict[str, Any], expected: list[Any]) -> None:
    model = Classifier(replace(SMALL, **change))
    assert [tuple(layer.weight.shape) for layer in model.layers if isinstance(layer, nn.Linear)] == expected


def test_batch_norm_stands_between_product_and_relu() -> None:
    kinds = [type(layer).__name__ for layer in Classifier(replace(SMALL, batch_norm=True)).layers]
    assert kinds == ["Flatten", *["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2, "Linear"]


def test_pixels_are_scaled_to_one_and_byte_and_float_pixels_agree() -> None:
    model = Classifier(SMALL, seed=1).eval()
    pixels = torch.randint(0, 256, (5, 3, 4, 5), dtype=torch.uint8)
    assert torch.equal(model(pixels), model(pixels.float()))
    torch.testing.assert_close(model(pixels), model.layers(pixels.flatten(1) / 255))


def test_probabilities_sum_to_one_and_do_not_depend_on_the_batch() -> None:
    model = Classifier(SMALL, seed=1)
    pixels = torch.randint(0, 256, (25, 3, 4, 5), dtype=torch.uint8)
    found = model.probabilities(pixels, batch=4)
    assert found.shape == (25, 2)
    torch.testing.assert_close(found.sum(1), torch.ones(25))
    torch.testing.assert_close(found, model.probabilities(pixels))
    assert model.probabilities(pixels[:0]).shape == (0, 2)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    whitening = Whitening(torch.rand(60), torch.rand(60, 60))
    architecture = replace(SMALL, batch_norm=True, whitening=True)
    model = Classifier(architecture, dropout=0.5, input_dropout=0.2, seed=3).set_whitening(whitening)
    model.layers[2].running_mean += 1
    save_model(tmp_path / "model", model.eval())
    torch.save(model(torch.full((2, 3, 4, 5), 9, dtype=torch.uint8)).detach(), tmp_path / "logits.pt")
    return tmp_path / "model"


def test_a_loaded_model_gives_the_same_bits_in_evaluation_mode(saved: Path) -> None:
    model = load_model(saved)
    assert not model.training
    assert torch.equal(model(torch.full((2, 3, 4, 5), 9, dtype=torch.uint8)), torch.load(saved.parent / "logits.pt"))
    assert model.classes == ("no", "yes")


def test_equal_models_are_equal_files(saved: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "again", load_model(saved))
    for name in ("model.safetensors", "model.json"):
        assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.fault
def test_no_pickle_is_read(saved: Path) -> None:
    torch.save({"anything": torch.ones(1)}, saved / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"model\.safetensors: cannot be loaded: .*: restore it by `dvc checkout`"):
        load_model(saved)


@pytest.mark.fault
@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_truncated_file_is_refused(saved: Path, keep: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(IntegrityError, match="cannot be loaded"):
        load_model(saved)


@pytest.mark.fault
@pytest.mark.parametrize("change", [{"hidden": [8, 6]}, {"batch_norm": False}, {"extra": 1}, {"classes": ["one"]}])
def test_weights_that_do_not_fit_the_architecture_are_refused(saved: Path, change: dict[str, Any]) -> None:
    path = saved / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(IntegrityError, match="cannot be loaded"):
        load_model(saved)


@pytest.mark.fault
def test_a_missing_file_is_named(saved: Path) -> None:
    (saved / "model.json").unlink()
    with pytest.raises(IntegrityError, match=r"No such file or directory.*model\.json"):
        load_model(saved)


@pytest.mark.fault
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = Classifier(SMALL, seed=1)
    with torch.no_grad():
        model.layers[1].weight[0, 0] = float("nan")
    save_model(tmp_path, model)
    with pytest.raises(IntegrityError, match=r"layers\.1\.weight holds a number that is not finite: train again"):
        load_model(tmp_path)
