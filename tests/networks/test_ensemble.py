"""Ensembles as models: what their networks say together, and on disk."""

from pathlib import Path

import pytest
import torch

from regbench.augmentation.zca import Whitening
from regbench.config.ensembles import Method
from regbench.errors import IntegrityError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.combination import Mean, Stack, Votes, build_combination
from regbench.networks.ensemble import Ensemble, load_predictor
from regbench.networks.model_files import save_model

PLAIN = Architecture(("no", "yes", "maybe"), 1, 10, 10, (7,))
OTHERS = (
    Architecture(("no", "yes", "maybe"), 1, 10, 10, (5, 4), batch_norm=True, whitening=True),
    Architecture(("no", "yes", "maybe"), 1, 10, 10, network="cnn"),
)
PIXELS = torch.randint(0, 256, (9, 1, 10, 10), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def networks() -> list[Classifier]:
    found = [Classifier(architecture, seed=seed).eval() for seed, architecture in enumerate((PLAIN, *OTHERS))]
    found[1].set_whitening(Whitening(torch.full((100,), 0.5), 2 * torch.eye(100)))
    return found


def said() -> torch.Tensor:
    return torch.stack([network.probabilities(PIXELS) for network in networks()])


def test_bagging_is_the_mean_probability() -> None:
    ensemble = Ensemble("bagging", networks(), Mean())
    torch.testing.assert_close(ensemble.probabilities(PIXELS), said().mean(0))
    assert ensemble.probabilities(PIXELS[:0]).shape == (0, 3)


def test_a_class_that_nobody_gives_a_chance_keeps_finite_logits() -> None:
    certain = torch.tensor([[[1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]]])
    assert torch.isfinite(Mean()(certain)).all()
    torch.testing.assert_close(Mean()(certain).softmax(1), torch.tensor([[1.0, 0.0, 0.0]]))


def test_boosting_sums_votes_and_takes_the_first_networks_too() -> None:
    votes = Votes([1.5, 2.0, 0.25])
    named = said().argmax(2)
    chosen = torch.nn.functional.one_hot(named, 3)
    assert torch.equal(votes(said()), 1.5 * chosen[0] + 2 * chosen[1] + 0.25 * chosen[2])
    assert torch.equal(votes(said()[:1]), 1.5 * chosen[0])


def test_stacking_is_linear_in_all_probabilities() -> None:
    stack = Stack(3, 3)
    expected = sum(p @ w.T for p, w in zip(said(), stack.linear.weight.split(3, 1), strict=True)) + stack.linear.bias
    torch.testing.assert_close(stack(said()), torch.as_tensor(expected))


@pytest.mark.parametrize("method", ["bagging", "boosting", "stacking"])
def test_a_saved_one_answers_alike_and_has_the_same_bytes(method: Method, tmp_path: Path) -> None:
    combination = Votes([3.0, 0.5, 1.0]) if method == "boosting" else build_combination(method, 3, 3)
    ensemble = Ensemble(method, networks(), combination)
    save_model(tmp_path / "first", ensemble)
    again = load_predictor(tmp_path / "first")
    assert torch.equal(again.probabilities(PIXELS), ensemble.probabilities(PIXELS))
    assert again.architecture == ensemble.architecture and again.classes == PLAIN.classes
    assert [network.architecture for network in again.networks] == [PLAIN, *OTHERS]
    save_model(tmp_path / "second", again)
    for name in ("model.json", "model.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_single_network_is_loaded_as_one(tmp_path: Path) -> None:
    save_model(tmp_path, networks()[0])
    assert type(load_predictor(tmp_path)) is Classifier


@pytest.mark.fault
@pytest.mark.parametrize("content", ['{"ensemble": "bagging", "members": []}', '{"ensemble": "voting", "members": []}'])
def test_a_broken_file_is_refused(tmp_path: Path, content: str) -> None:
    save_model(tmp_path, Ensemble("bagging", networks(), Mean()))
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(IntegrityError, match=r"model.safetensors: cannot be loaded: .*restore it by `dvc checkout`"):
        load_predictor(tmp_path)
