"""Networks of the user's own: what they are given, whose code they are, and how mistakes are told."""

from pathlib import Path

import pytest
import torch
from support.own_network import EXAMPLE, NETWORK, write_own

from regbench.errors import InputError, IntegrityError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import load_model, save_model
from regbench.networks.own import own_code

PLAIN = "from torch import nn\n\n\ndef build({parameters}):\n    {body}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_own(tmp_path)
    return tmp_path


def architecture(network: str = NETWORK, batch_norm: bool = False) -> Architecture:
    return Architecture(("a", "b", "c"), 1, 6, 5, batch_norm=batch_norm, network=network, code=own_code(network))


def test_the_seed_decides_starting_weights() -> None:
    first, again, other = (Classifier(architecture(), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["layers.small.weight"], other["layers.small.weight"])


def test_output_and_penalised_kernels_are_the_module_s() -> None:
    model = Classifier(architecture())
    assert model.output is model.layers.output
    assert [tuple(kernel.shape) for kernel in model.hidden_kernels] == [(16, 1, 3, 3), (16, 1, 5, 5)]


def test_without_an_attribute_the_last_layer_with_as_many_outputs_as_classes_is_the_output(project: Path) -> None:
    body = "return nn.Sequential(nn.Flatten(), nn.Linear(30, 3), nn.ReLU(), nn.Linear(3, 3), nn.Identity())"
    write_own(project, PLAIN.format(parameters="architecture", body=body), "plain")
    model = Classifier(architecture("networks.plain:build"))
    assert model.output is model.layers[3]


def test_a_method_may_set_the_starting_weights(project: Path) -> None:
    code = (
        "from torch import nn\n\n\nclass Ones(nn.Linear):\n    def initialize(self, random):\n"
        "        nn.init.constant_(self.weight, random.random())\n\n    def forward(self, images):\n"
        "        return super().forward(images.flatten(1))\n\n\ndef build(architecture):\n    return Ones(30, 3)\n"
    )
    write_own(project, code, "ones")
    ones = architecture("networks.ones:build")
    first, again, other = (Classifier(ones, seed=seed).layers.weight for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other) and len(first.unique()) == 1


def test_a_saved_network_answers_the_same_and_needs_its_code(project: Path) -> None:
    model = Classifier(architecture(), seed=3)
    save_model(project / "run", model)
    pixels = torch.randint(0, 256, (4, 1, 6, 5), dtype=torch.uint8)
    assert torch.equal(load_model(project / "run").probabilities(pixels), model.probabilities(pixels))
    write_own(project, EXAMPLE + "\n# a comment\n")
    load_model(project / "run")
    write_own(project, EXAMPLE.replace(".relu()", ".tanh()"))
    with pytest.raises(IntegrityError, match=r"networks/wide\.py or what it imports was edited since: restore it"):
        load_model(project / "run")


def test_code_that_it_imports_from_the_project_counts(project: Path) -> None:
    write_own(project, "WIDTH = 3\n", "sizes")
    body = "return nn.Sequential(nn.Flatten(), nn.Linear(30, WIDTH))"
    code = "from networks.sizes import WIDTH\n" + PLAIN.format(parameters="architecture", body=body)
    write_own(project, code, "sized")
    before = own_code("networks.sized:build")
    Classifier(architecture("networks.sized:build"))
    write_own(project, "WIDTH = 1 + 3\n", "sizes")
    assert own_code("networks.sized:build") != before
    assert Classifier(architecture("networks.sized:build")).layers[1].out_features == 4, "the edited code is run"


@pytest.mark.parametrize(
    ("body", "network", "message"),
    [
        ("return nn.Linear(1)", "plain:build", "cannot be built: TypeError: .*: correct it"),
        ("return 1 / 0", "plain:other", "cannot be imported: AttributeError: .*: correct networks/plain.py"),
        ("return 1 / 0", "absent:build", "networks/absent.py: no such file: write it, or correct the name"),
    ],
)
def test_mistakes_are_one_line(body: str, network: str, message: str, project: Path) -> None:
    write_own(project, PLAIN.format(parameters="architecture", body=body), "plain")
    with pytest.raises(InputError, match=f"^network = 'networks.{network}': {message}$"):
        Classifier(architecture(f"networks.{network}"))


def test_a_strength_that_the_function_does_not_take_is_refused() -> None:
    with pytest.raises(InputError) as error:
        Classifier(architecture(batch_norm=True))
    assert str(error.value) == (
        f"batch_norm = True: is no part of the network {NETWORK}: "
        "give the function a parameter batch_norm, or remove it"
    )
