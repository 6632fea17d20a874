"""What the strengths do to a step and to what is kept of it: tiny networks, against plain loops and PyTorch's own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_swa_avg_fn

from regbench.augmentation.zca import scale
from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.runtime.randomness import generator
from regbench.training.averaging import Average
from regbench.training.epoch import run_epoch
from regbench.training.examples import Examples, batches, in_order
from regbench.training.fit import FitResult, fit
from regbench.training.optimizer import Adam, FlatParameters
from regbench.training.step import TrainingStep

ARCHITECTURE = Architecture(classes=("a", "b", "c"), channels=1, height=4, width=4, hidden=(12, 10))
SETTINGS = Train(epochs=4, batch_size=16, learning_rate=1e-2)


def examples(count: int, seed: int = 0) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (1, count, 1, 4, 4), dtype=np.uint8)
    return Examples(pixels, torch.from_numpy(pixels[0].reshape(count, 16)[:, :3].argmax(1)))


def build(strengths: Variant) -> Classifier:
    architecture = replace(ARCHITECTURE, batch_norm=strengths.batch_norm)
    return Classifier(architecture, strengths.dropout, strengths.input_dropout, seed=1)


def train(settings: Train = SETTINGS, **strengths: Any) -> tuple[Classifier, FitResult]:
    variant = Variant(recipe="plain", **strengths)
    model = build(variant)
    return model, fit(model, examples(200), examples(60), examples(60, 9), settings, variant, 1)


def state(model: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in model.state_dict().values()]


@pytest.mark.parametrize("strengths", [{}, {"l1": 1e-3}, {"l2": 1e-3}, {"dropout": 0.3}, {"batch_norm": True}])
def test_strengths_that_are_off_leave_the_bits_of_a_plain_loop(strengths: dict[str, Any]) -> None:
    found, _ = train(replace_epochs(1), **strengths)
    variant, data = Variant(recipe="plain", **strengths), examples(200)
    model = build(variant)
    adam = Adam(FlatParameters.of(model, model.hidden_kernels), SETTINGS)
    model.train()
    model.key_dropout(generator(1, "dropout", 0))
    for index in batches(200, 16, generator(1, "order", 0)):
        F.cross_entropy(model.layers(scale(data.inputs()[index])), data.labels[index]).backward()
        for kernel in model.hidden_kernels:
            assert kernel.grad is not None
            kernel.grad += 2 * variant.l2 * kernel.detach() + variant.l1 * kernel.detach().sign()
        adam.step()
    for a, b in zip(state(found), state(model), strict=True):
        assert torch.equal(a, b) if not (variant.l1 or variant.l2) else torch.allclose(a, b, atol=1e-6)


def replace_epochs(epochs: int) -> Train:
    return SETTINGS.model_copy(update={"epochs": epochs})


NEW = [
    {"proximal": True, "l1": 1e-3},
    {"weight_decay": 0.1},
    {"max_norm": 0.8},
    {"label_smoothing": 0.1},
    {"mixup": 0.3},
    {"input_noise": 0.1},
    {"averaging": 0.9},
]


@pytest.mark.parametrize("strengths", [*NEW, {name: value for strength in NEW for name, value in strength.items()}])
def test_a_run_repeats_bit_by_bit_and_differs_from_one_without_the_strength(strengths: dict[str, Any]) -> None:
    (first, one), (second, two) = train(**strengths), train(**strengths)
    assert one.history == two.history
    assert all(torch.equal(a, b) for a, b in zip(state(first), state(second), strict=True))
    assert one.history != train(l1=strengths.get("l1", 0))[1].history


def test_label_smoothing_is_torch_s_and_judged_losses_stay_plain() -> None:
    strengths, data = Variant(recipe="plain", label_smoothing=0.2), examples(16)
    settings = Train(epochs=1, batch_size=16, learning_rate=1e-30)
    model = build(strengths)
    result = fit(model, data, data, data, settings, strengths, 1)
    logits = model.layers(scale(data.inputs())).detach()
    record = result.history[0]
    assert record.train_loss == pytest.approx(
        float(F.cross_entropy(logits, data.labels, label_smoothing=0.2)), rel=1e-6
    )
    assert record.validation_loss == pytest.approx(float(F.cross_entropy(logits, data.labels)), rel=1e-6)


def test_mixup_and_noise_change_what_is_learnt_and_nothing_that_is_judged() -> None:
    data = examples(64)
    for strengths in (Variant(recipe="plain", mixup=0.3), Variant(recipe="plain", input_noise=0.2)):
        model = build(strengths)
        result = fit(model, data, data, data, Train(epochs=1, learning_rate=1e-30), strengths, 1)
        plain = float(F.cross_entropy(model.layers(scale(data.inputs())), data.labels).detach())
        assert result.history[0].validation_loss == pytest.approx(plain, rel=1e-6)
        assert abs(result.history[0].train_loss - plain) > 1e-4


def test_the_loss_of_mixed_labels_is_the_mixture_of_the_losses() -> None:
    data, strengths = examples(40), Variant(recipe="plain", mixup=0.5, label_smoothing=0.1)
    step = TrainingStep(build(strengths), SETTINGS, strengths, 1, 10)
    step.begin_epoch(0)
    rows = scale(data.inputs())
    _, targets = step.transform_batch(rows, data.labels)
    random = generator(1, "mixup", 0)
    part, partners = random.beta(0.5, 0.5), torch.from_numpy(random.permutation(40))
    logits = torch.randn(40, 3)
    both = [F.cross_entropy(logits, labels, label_smoothing=0.1) for labels in (data.labels, data.labels[partners])]
    torch.testing.assert_close(step.loss(logits, targets), part * both[0] + (1 - part) * both[1])


def test_max_norm_bounds_every_hidden_unit_and_no_output() -> None:
    model, _ = train(max_norm=0.7)
    norms = torch.cat([kernel.detach().norm(dim=1) for kernel in model.hidden_kernels])
    assert float(norms.max()) <= 0.7 * (1 + 1e-6)
    assert (norms > 0.699).any() and (norms < 0.69).any(), "choose a norm that binds some units only"
    assert float(model.layers[-1].weight.detach().norm(dim=1).max()) > 0.7


def test_the_proximal_step_leaves_true_zeros_where_the_subgradient_leaves_none() -> None:
    def zeros(**strengths: Any) -> float:
        model, _ = train(replace_epochs(12), **strengths)
        return float((torch.cat([kernel.detach().flatten() for kernel in model.hidden_kernels]) == 0).double().mean())

    assert zeros(l1=3e-3) == 0
    assert 0.05 < zeros(l1=3e-3, proximal=True) < 0.95
    assert zeros(l1=3e-3, proximal=True) < zeros(l1=1e-2, proximal=True)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("decay", [0.9, 1 - 1e-9])
def test_the_mean_is_torch_s_averaged_model(decay: float, batch_norm: bool) -> None:
    """As PyTorch's with the corrected factor; at a decay of almost 1 as its plain mean (stochastic averaging)."""
    model = Classifier(replace(ARCHITECTURE, batch_norm=batch_norm), seed=1).train()
    adam = Adam(FlatParameters.of(model, model.hidden_kernels), SETTINGS)
    average = Average(model.layers, adam.parameters, decay)

    def corrected(mean: Any, latest: Any, count: Any) -> Any:
        return mean + (latest - mean) * (1 - decay) / (1 - decay ** (int(count) + 1))

    peer = AveragedModel(model, avg_fn=corrected if decay < 0.99 else get_swa_avg_fn(), use_buffers=True)
    rows, labels = scale(examples(200).inputs()), examples(200).labels
    for index in batches(200, 16, generator(1, "order")):
        F.cross_entropy(model.layers(rows[index]), labels[index]).backward()
        adam.step()
        average.update()
        peer.update_parameters(model)
    own = state(model)
    with average.applied():
        for (name, a), b in zip(model.state_dict().items(), peer.module.state_dict().values(), strict=True):
            if a.is_floating_point():
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)
        assert not torch.equal(state(model)[2], own[2])
    assert all(torch.equal(a, b) for a, b in zip(own, state(model), strict=True)), "training goes on where it was"


def test_the_mean_is_what_is_scored_watched_and_kept() -> None:
    """Learning itself must not notice the mean: only what is evaluated differs."""
    settings = replace_epochs(8).model_copy(update={"monitor": "validation_loss"})
    (_, without), (model, averaged) = train(settings, patience=3), train(settings, averaging=0.98, patience=3)
    for a, b in zip(without.history, averaged.history, strict=False):
        assert a.train_loss == b.train_loss and a.validation_loss != b.validation_loss
    losses = [record.validation_loss for record in averaged.history]
    assert averaged.best_epoch == int(np.argmin(losses))
    validation = examples(60, 9)
    kept = run_epoch(model, validation.inputs(), validation.labels, in_order(60))
    assert kept.loss == losses[averaged.best_epoch]
    norm = torch.cat([kernel.detach().flatten() for kernel in model.hidden_kernels]).norm()
    assert averaged.history[averaged.best_epoch].weight_norm == pytest.approx(float(norm), rel=1e-6)


def test_early_stopping_watches_the_mean() -> None:
    settings = replace_epochs(40).model_copy(update={"monitor": "validation_loss"})
    _, full = train(settings, averaging=0.98)
    _, stopped = train(settings, averaging=0.98, patience=2)
    assert stopped.history == full.history[: len(stopped.history)]
    assert stopped.stopped_early and len(stopped.history) == stopped.best_epoch + 3 < 40


def test_schedule_and_warm_up_reach_the_steps() -> None:
    """A warm-up of one epoch: step k of n is taken at k/n of the rate."""
    steps = 200 // 16 + 1
    warm = Train(epochs=1, batch_size=16, learning_rate=1e-2, warmup=1.0)
    model, data = build(Variant(recipe="plain")), examples(200)
    found, _ = train(warm)
    adam = Adam(FlatParameters.of(model, model.hidden_kernels), warm)
    for step, index in enumerate(batches(200, 16, generator(1, "order", 0))):
        F.cross_entropy(model.train().layers(scale(data.inputs()[index])), data.labels[index]).backward()
        adam.step((step + 1) / steps)
    assert step + 1 == steps
    assert all(torch.equal(a, b) for a, b in zip(state(found), state(model), strict=True))
