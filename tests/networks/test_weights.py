"""Starting weights: which files are read, which are refused, and what is trained where all else is frozen."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from regbench.errors import InputError
from regbench.files import sha256
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import save_model
from regbench.networks.weights import load_weights

TWO = Architecture(("a", "b"), 1, 12, 12, batch_norm=True, network="cnn")
FOUR = Architecture(("a", "b", "c", "d"), 1, 12, 12, batch_norm=True, network="cnn")


def load(network: Classifier, path: Path) -> None:
    load_weights(network, path, sha256(path) if path.exists() else "")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_weights_of_other_classes_give_all_but_the_output_layer(name: str, tmp_path: Path) -> None:
    state = Classifier(FOUR, seed=1).layers.state_dict()
    (save_file if name.endswith(".safetensors") else torch.save)(state, tmp_path / name)
    network = Classifier(TWO, seed=2)
    output = network.output.weight.detach().clone()
    load(network, tmp_path / name)
    found = network.layers.state_dict()
    assert all(torch.equal(found[key], state[key]) for key in state if not key.startswith("11."))
    assert torch.equal(network.output.weight, output)


def test_a_saved_network_is_a_file_of_weights(tmp_path: Path) -> None:
    saved = Classifier(TWO, seed=1)
    save_model(tmp_path, saved)
    network = Classifier(TWO, seed=2)
    load(network, tmp_path / "model.safetensors")
    for a, b in zip(network.state_dict().values(), saved.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_counter_that_older_files_lack_is_not_asked_for(tmp_path: Path) -> None:
    state = Classifier(TWO, seed=1).layers.state_dict()
    torch.save({key: value for key, value in state.items() if "num_batches" not in key}, tmp_path / "w.pth")
    load(Classifier(TWO), tmp_path / "w.pth")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("1.weight"), "1.weight is not there, must be 32x1x3x3"),
        (lambda state: state.update({"x": torch.ones(2)}), "x is 2, must be not there"),
        (lambda state: state.update({"5.bias": torch.ones(65)}), "5.bias is 65, must be 64"),
    ],
)
def test_weights_of_another_network_are_refused(change: object, message: str, tmp_path: Path) -> None:
    state = Classifier(TWO, seed=1).layers.state_dict()
    change(state)  # type: ignore[operator]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(InputError) as error:
        load(Classifier(TWO), tmp_path / "w.pth")
    assert str(error.value) == f"weights = '{tmp_path}/w.pth': {message}: give weights of this network"


class Touch:
    """Writes a file where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("touched"),)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("content", "message"),
    [(Touch(), "cannot be read without pickle"), ({"epoch": 1}, "holds more than tensors"), (None, "no such file")],
)
def test_pickles_are_not_run(content: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        torch.save(content, "w.pth")
    with pytest.raises(InputError, match=message):
        load(Classifier(TWO), Path("w.pth"))
    assert not Path("touched").exists()


@pytest.mark.fault
def test_a_file_that_was_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    save_file(Classifier(TWO, seed=1).layers.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="was changed meanwhile: start again"):
        load_weights(Classifier(TWO), tmp_path / "w.safetensors", "another")


def test_what_is_frozen_keeps_its_statistics_too() -> None:
    network = Classifier(TWO, seed=1).freeze().train()
    assert [p.shape for p in network.parameters() if p.requires_grad] == [(2, 64), (2,)]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.logits(torch.rand(5, 1, 12, 12))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.trained_kernels == []
