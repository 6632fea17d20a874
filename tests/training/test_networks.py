"""Every strength on every network: runs repeat to the bit, each strength changes them, and each does what it says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from support.own_network import NETWORK, write_own

from regbench.augmentation.zca import fit_whitening, scale
from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.own import own_code
from regbench.runtime.randomness import generator
from regbench.training.examples import Examples, batches
from regbench.training.fit import FitResult, fit
from regbench.training.history import EpochRecord
from regbench.training.optimizer import Adam, FlatParameters
from regbench.training.sparsity import dead_units, zero_weights
from regbench.training.temperature import scale_temperature

SETTINGS = Train(epochs=2, batch_size=16, learning_rate=5e-3)
STRENGTHS: dict[str, dict[str, Any]] = {
    "l1": {"l1": 1e-3},
    "l2": {"l2": 1e-3},
    "proximal": {"l1": 1e-2, "proximal": True},
    "weight_decay": {"weight_decay": 1.0},
    "max_norm": {"max_norm": 0.4},
    "dropout": {"dropout": 0.5},
    "input_dropout": {"input_dropout": 0.3},
    "input_noise": {"input_noise": 0.2},
    "mixup": {"mixup": 0.5},
    "label_smoothing": {"label_smoothing": 0.2},
    "averaging": {"averaging": 0.8},
    "patience": {"patience": 1},
    "batch_norm": {"batch_norm": True},
}
FAST = {"cnn": "cnn", "shufflenet": "torchvision:shufflenet_v2_x0_5", "own": NETWORK}
NETWORKS = {**FAST, "resnet": "torchvision:resnet18"}
"""A ResNet takes eight times as long as torchvision's smallest network."""
TAKEN = [(name, strength) for name in FAST for strength in STRENGTHS if name == "cnn" or strength != "batch_norm"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_own(tmp_path)


def examples(count: int, seed: int = 0, channels: int = 1) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (1, count, channels, 12, 10), dtype=np.uint8)
    return Examples(pixels, torch.from_numpy(pixels[0].reshape(count, -1)[:, :3].argmax(1)))


def build(name: str, strengths: Variant, **fields: Any) -> Classifier:
    network = NETWORKS[name]
    shape = {"channels": 1, "height": 12, "width": 10, "network": network, "code": own_code(network)}
    architecture = Architecture(("a", "b", "c"), **{**shape, "batch_norm": strengths.batch_norm, **fields})
    return Classifier(architecture, strengths.dropout, strengths.input_dropout, seed=1)


def train(name: str, settings: Train = SETTINGS, images: int = 48, **strengths: Any) -> tuple[Classifier, FitResult]:
    variant = Variant(recipe="plain", **strengths)
    model, data = build(name, variant), examples(images)
    settings = settings.model_copy(update={"epochs": 30} if variant.patience else {})
    return model, fit(model, data, data, examples(30, 9), settings, variant, 1)


def state(model: Classifier) -> list[torch.Tensor]:
    return [value.clone() for value in model.state_dict().values()]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FitResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        write_own(Path.cwd())
        return {name: train(name)[1] for name in FAST}


@pytest.mark.parametrize(("name", "strength"), TAKEN)
def test_a_run_repeats_to_the_bit_and_differs_from_one_without_the_strength(
    name: str, strength: str, plain: dict[str, FitResult]
) -> None:
    (first, one), (second, two) = train(name, **STRENGTHS[strength]), train(name, **STRENGTHS[strength])
    assert one.history == two.history
    assert all(torch.equal(a, b) for a, b in zip(state(first), state(second), strict=True))
    assert one.stopped_early if strength == "patience" else one.history != plain[name].history


@pytest.mark.parametrize("name", NETWORKS)
def test_penalties_are_the_closed_form_over_all_kernels_but_the_output_s(name: str) -> None:
    model, result = train(name, l1=1e-3, l2=1e-2)
    kernels = [layer.weight.detach() for layer in model.layers.modules() if hasattr(layer, "weight")]
    hidden = torch.cat([kernel.flatten() for kernel in kernels if kernel.dim() > 1 and len(kernel) > 3])
    best = result.history[result.best_epoch]
    assert best.penalty == pytest.approx(float(1e-3 * hidden.abs().sum() + 1e-2 * hidden.square().sum()), rel=1e-5)
    assert best.weight_norm == pytest.approx(float(hidden.norm()), rel=1e-5)


@pytest.mark.parametrize("name", FAST)
def test_max_norm_bounds_every_filter_and_no_output(name: str) -> None:
    model, _ = train(name, max_norm=0.4)
    norms = torch.cat([kernel.detach().flatten(1).norm(dim=1) for kernel in model.hidden_kernels])
    assert float(norms.max()) <= 0.4 * (1 + 1e-6) and (norms > 0.399).any()
    assert float(model.output.weight.detach().norm(dim=1).max()) > 0.4


@pytest.mark.parametrize("name", ["cnn", "own"])
def test_the_proximal_step_leaves_true_zeros(name: str) -> None:
    assert zero_weights(train(name, l1=3e-2)[0]) == 0
    assert 0.02 < zero_weights(train(name, l1=3e-2, proximal=True)[0]) < 1


@pytest.mark.parametrize("name", FAST)
def test_averaging_ends_with_the_mean_of_weights_and_of_batch_norm_s_statistics(name: str) -> None:
    settings, strengths = Train(epochs=1, batch_size=16, learning_rate=5e-3), {"averaging": 0.8}
    strengths |= {"batch_norm": True} if name == "cnn" else {}
    found, _ = train(name, settings, **strengths)
    model, data = build(name, Variant(recipe="plain", batch_norm=name == "cnn")).train(), examples(48)
    adam = Adam(FlatParameters.of(model, model.hidden_kernels), settings)
    states = []
    for index in batches(48, 16, generator(1, "order", 0)):
        F.cross_entropy(model.logits(scale(data.inputs()[index])), data.labels[index]).backward()
        adam.step()
        states.append(state(model))
    factors = [0.8 ** (len(states) - 1 - step) for step in range(len(states))]
    for place, value in enumerate(state(found)):
        if value.is_floating_point():
            mean = sum(f * s[place] for f, s in zip(factors, states, strict=True)) / sum(factors)
            torch.testing.assert_close(value, mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_whitened_images_keep_their_shape_and_answers(name: str) -> None:
    whitening = fit_whitening(examples(80).pixels[0], 0.1)
    data = replace(examples(9), whitening=whitening)
    model = build(name, Variant(recipe="plain"), whitening=True).set_whitening(whitening).eval()
    assert data.inputs().shape == (9, 1, 12, 10)
    with torch.no_grad():
        torch.testing.assert_close(model.logits(data.inputs()), model(torch.from_numpy(data.pixels[0])))


@pytest.mark.parametrize("name", NETWORKS)
def test_temperature_is_folded_into_the_output_layer(name: str) -> None:
    model, data = build(name, Variant(recipe="plain", dropout=0.5)), examples(40)
    with torch.no_grad():
        before = model.eval().logits(scale(data.inputs()))
        temperature = scale_temperature(model, data)
        after = model.eval().logits(scale(data.inputs()))
    torch.testing.assert_close(after, before / temperature, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FAST)
def test_a_frozen_network_learns_in_its_output_layer_alone(name: str) -> None:
    variant, data = Variant(recipe="plain", weight_decay=0.1, averaging=0.5, dropout=0.2), examples(48)
    model = build(name, variant).freeze()
    before = dict(zip(model.state_dict(), state(model), strict=True))
    fit(model, data, data, data, SETTINGS, variant, 1)
    output = {id(parameter) for parameter in (model.output.weight, model.output.bias)}
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {key for key, value in model.named_parameters() if id(value) in output}


@pytest.mark.fault
@pytest.mark.parametrize("name", FAST)
def test_a_training_that_was_killed_continues_to_the_same_bits(name: str, tmp_path: Path) -> None:
    variant, data = Variant(recipe="plain", dropout=0.3, averaging=0.8, batch_norm=name == "cnn"), examples(32)
    settings = SETTINGS.model_copy(update={"epochs": 3})

    def learn(on_epoch: Callable[[EpochRecord], None]) -> tuple[Classifier, FitResult]:
        model, path = build(name, variant), tmp_path / "checkpoint"
        keep = {"checkpoint": path, "checkpoint_epochs": 1}
        return model, fit(model, data, data, examples(30, 9), settings, variant, 1, on_epoch, **keep)

    def die(record: EpochRecord) -> None:
        if record.epoch == 2:
            raise KeyboardInterrupt

    undisturbed, expected = learn(lambda record: None)
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(KeyboardInterrupt):
        learn(die)
    seen: list[int] = []
    continued, found = learn(lambda record: seen.append(record.epoch))
    assert seen == [2] and found.history == expected.history
    assert all(torch.equal(a, b) for a, b in zip(state(continued), state(undisturbed), strict=True))


@torch.no_grad()
def test_zeros_and_dead_filters_are_counted_in_convolutions() -> None:
    model = build("cnn", Variant(recipe="plain"))
    first, second, output = model.kernels
    assert zero_weights(model) == dead_units(model) == 0
    first[3] = 0  # nothing comes into a filter
    second[:, 4] = 0  # nothing goes out of one
    pixels = output.shape[1] // 64
    output[:, 7 * pixels : 8 * pixels] = 0  # nothing goes out of any pixel of a filter of the second convolution
    output[:, 8 * pixels] = 0  # of this one all other pixels do, if there are any
    assert dead_units(model) == 3 + (pixels == 1)
    assert zero_weights(model) == pytest.approx((9 + 64 * 9) / (32 * 9 + 64 * 32 * 9))


@torch.no_grad()
def test_where_layers_do_not_follow_one_another_only_what_comes_in_counts() -> None:
    model = build("own", Variant(recipe="plain"))
    small, _, output = model.kernels
    small[3], output[:, 4] = 0, 0
    assert dead_units(model) == 1


def test_random_layers_of_others_are_keyed_by_seed_and_epoch(tmp_path: Path) -> None:
    code = (
        "from torch import nn\n\n\ndef build(architecture):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(120, 3))\n"
    )
    write_own(tmp_path, code, "dropping")
    network, data, variant = "networks.dropping:build", examples(48), Variant(recipe="plain")
    histories = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed + len(histories))  # what the process did before makes no difference
        model = build("own", variant, network=network, code=own_code(network))
        histories.append(fit(model, data, data, data, SETTINGS, variant, seed).history)
    assert histories[0] == histories[1] != histories[2]
