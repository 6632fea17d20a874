"""What `check` finds out about networks before anything runs: each mistake is one line with its dotted key."""

from pathlib import Path
from typing import Any

import pytest
import torch
from support.own_network import NETWORK, write_own
from support.small_study import small_params

from regbench.config.params import Params
from regbench.config.variants import SearchableVariant
from regbench.engine.network_check import refuse_networks
from regbench.engine.network_probe import network_problems
from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier

CODE = """from torch import nn


def build(architecture, dropout):
    return nn.Sequential(nn.Conv2d(1, 3, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def scaled(architecture):
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 3), nn.Softmax(1))


def pairs(architecture):
    return nn.Flatten()


def idle(architecture):
    layers = nn.Sequential(nn.Flatten(), nn.Linear(144, 3))
    layers[1].register_parameter("extra", nn.Parameter(layers[1].bias.detach().clone()))
    return layers


def tied(architecture):
    layers = nn.Sequential(nn.Flatten(), nn.Linear(144, 144), nn.Linear(144, 144), nn.Linear(144, 3))
    layers[2].weight = layers[1].weight
    return layers
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_own(tmp_path)
    write_own(tmp_path, CODE, "headless")
    torch.save(Classifier(Architecture(("a", "b", "c"), 1, 12, 12, (5,))).layers.state_dict(), "networks/mlp.pth")
    return tmp_path


def params_of(side: int = 12, model: dict[str, Any] | None = None, **variant: Any) -> Params:
    params = small_params()
    return params.model_copy(
        update={
            "data": params.data.model_copy(update={"image_size": (side, side), "classes": ("a", "b", "c")}),
            "variants": {"v": SearchableVariant.model_validate({"recipe": "plain", "model": model or {}, **variant})},
        }
    )


def problems(**given: Any) -> list[str]:
    return network_problems(params_of(**given), ["v"])


@pytest.mark.parametrize(
    ("network", "variant"),
    [
        ("cnn", {"dropout": 0.5, "batch_norm": True, "l2": 1e-3, "max_norm": 1.0}),
        ("cnn", {"dropout": {"low": 0.0, "high": 0.5}, "batch_norm": {"choices": (False, True)}}),
        ("torchvision:resnet18", {"dropout": 0.5, "train": {"calibration": "temperature"}}),
        (NETWORK, {"dropout": 0.5, "train": {"calibration": "temperature"}}),
        ("networks.headless:build", {"dropout": 0.5}),
    ],
)
def test_what_fits_is_no_problem(network: str, variant: dict[str, Any]) -> None:
    assert problems(model={"network": network}, **variant) == []


HEADLESS, SOFTMAX = "networks.headless:build", "networks.headless:scaled"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"side": 8, "model": {"network": "cnn"}},
            "variants.v.model.network = 'cnn': takes images of 10x10 pixels at least, these have 1x8x8: "
            "raise data.image_size",
        ),
        (
            {"model": {"network": "torchvision:resnet18"}, "batch_norm": True},
            "variants.v.batch_norm = True: is no part of the network torchvision:resnet18: remove it",
        ),
        (
            {"model": {"network": NETWORK}, "batch_norm": {"choices": (False, True)}},
            f"variants.v.batch_norm: is no part of the network {NETWORK}: "
            "give the function a parameter batch_norm, or remove it",
        ),
        (
            {"model": {"network": HEADLESS}, "train": {"calibration": "temperature"}},
            f"variants.v.train.calibration = 'temperature': {HEADLESS} has no linear output layer to scale: remove it",
        ),
        (
            {"model": {"network": SOFTMAX}, "train": {"calibration": "temperature"}},
            f"variants.v.train.calibration = 'temperature': {SOFTMAX} has no linear output layer to scale: remove it",
        ),
        (
            {"model": {"network": "networks.headless:pairs"}},
            "variants.v.model.network = 'networks.headless:pairs': gives (2, 144) for 2 images and 3 classes: "
            "must give logits",
        ),
        (
            {"model": {"network": "networks.headless:idle"}},
            "variants.v.model.network = 'networks.headless:idle': layers.1.extra takes no part in the logits: "
            "use it in forward, or remove it",
        ),
        (
            {"model": {"network": "networks.headless:tied"}},
            "variants.v.model.network = 'networks.headless:tied': has one tensor under two names, which no file holds: "
            "give each layer its own",
        ),
        (
            {"model": {"network": "torchvision:alexnet"}},
            "variants.v.model.network = 'torchvision:alexnet': does not take images of 1x12x12: ",
        ),
        (
            {"side": 32, "model": {"network": "torchvision:squeezenet1_1"}, "dropout": {"low": 0.0, "high": 0.5}},
            "variants.v.model.network = 'torchvision:squeezenet1_1': has no linear output layer for dropout: "
            "remove dropout",
        ),
        (
            {"model": {"hidden": (5,), "weights": "networks/none.pth"}},
            "variants.v.model.weights = 'networks/none.pth': no such file: put it there, or remove model.weights",
        ),
        (
            {"model": {"hidden": (6,), "weights": "networks/mlp.pth"}},
            "variants.v.model.weights = 'networks/mlp.pth': 1.bias is 5, must be 6: give weights of this network",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(given: dict[str, Any], line: str) -> None:
    (found,) = problems(**given)
    assert found.startswith(line) if line.endswith(": ") else found == line


def test_what_is_wrong_for_all_variants_is_told_once() -> None:
    params = params_of(side=8)
    model = params.model.model_copy(update={"network": "cnn"})
    variants = {"a": params.variants["v"], "b": params.variants["v"]}
    (found,) = network_problems(params.model_copy(update={"model": model, "variants": variants}), ["a", "b"])
    assert found.startswith("model.network = 'cnn': ")


def test_a_worker_builds_what_is_no_plain_perceptron(project: Path) -> None:
    refuse_networks(params_of(side=8), project / "params.yaml")
    with pytest.raises(InputError, match=r"params\.yaml: variants\.v\.model\.network = 'cnn': takes images of 10x10"):
        refuse_networks(params_of(side=8, model={"network": "cnn"}), project / "params.yaml")
