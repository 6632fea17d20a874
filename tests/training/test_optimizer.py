"""Adam on a flat buffer: agreement with PyTorch's own Adam and AdamW, and with the formula that Keras documents.

Also its learning rate, against PyTorch's schedulers, and the proximal step of L1, against what it minimises.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from regbench.config.training import Train
from regbench.training.optimizer import Adam, FlatParameters, rate_factor


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def test_parameters_are_views_with_the_penalised_ones_first() -> None:
    model = _model()
    before = [p.detach().clone() for p in model.parameters()]
    kernel = model[0].weight
    flat = FlatParameters.of(model, [kernel])
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, new)
    assert torch.equal(flat.kernels, kernel.flatten())
    assert flat.parameters[0] is kernel and set(flat.parameters) == set(model.parameters())
    flat.values.zero_()
    assert all(not p.detach().any() for p in model.parameters())


def test_parts_of_a_vector_lie_where_their_parameters_do() -> None:
    model = _model()
    flat = FlatParameters.of(model, [model[2].weight])
    for part, parameter in zip(flat.views_of(flat.values), flat.parameters, strict=True):
        assert torch.equal(part, parameter) and part.data_ptr() == parameter.data_ptr()


def test_adam_agrees_with_torch_where_epsilon_does_not_matter() -> None:
    ours, theirs = _model(), _model()
    optimizer = Adam(FlatParameters.of(ours, []), Train(learning_rate=1e-2, beta1=0.8, beta2=0.99, epsilon=1e-30))
    peer = torch.optim.Adam(theirs.parameters(), lr=1e-2, betas=(0.8, 0.99), eps=1e-30)
    for step in range(30):
        inputs = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
        ours(inputs).square().mean().backward()
        optimizer.step()
        peer.zero_grad()
        theirs(inputs).square().mean().backward()
        peer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_adam_adds_epsilon_before_the_bias_correction_as_keras_does() -> None:
    settings = Train(learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-2)  # an epsilon that shows
    layer = nn.Linear(4, 1, bias=False)
    flat = FlatParameters.of(layer, [])
    weights = flat.values.double().numpy().copy()
    optimizer = Adam(flat, settings)
    m, v = np.zeros(4), np.zeros(4)
    random = np.random.default_rng(0)
    for t in range(1, 21):
        gradient = random.normal(size=4).astype(np.float32)
        layer.weight.grad = torch.from_numpy(gradient).view(1, 4)
        optimizer.step()
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient.astype(float) ** 2
        alpha = 1e-3 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights -= alpha * m / (np.sqrt(v) + 1e-2)
    np.testing.assert_allclose(flat.values.numpy(), weights, rtol=1e-5)


def test_a_step_drops_the_gradients() -> None:
    layer = nn.Linear(3, 2)
    optimizer = Adam(FlatParameters.of(layer, []), Train())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert layer.weight.grad is None and layer.bias.grad is None


def test_weight_decay_agrees_with_torch_s_adamw_and_spares_biases() -> None:
    ours, theirs = _model(), _model()
    settings = Train(learning_rate=1e-2, epsilon=1e-30)
    optimizer = Adam(FlatParameters.of(ours, [ours[0].weight]), settings, weight_decay=0.3)
    kernels, biases = ([p for p in theirs.parameters() if (p.dim() == 2) == kernel] for kernel in (True, False))
    groups = [{"params": kernels, "weight_decay": 0.3}, {"params": biases, "weight_decay": 0.0}]
    peer = torch.optim.AdamW(groups, lr=1e-2, eps=1e-30)
    for step in range(30):
        inputs = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
        rate = 1 / (1 + step)
        ours(inputs).square().mean().backward()
        optimizer.step(rate)
        peer.zero_grad()
        theirs(inputs).square().mean().backward()
        for group in peer.param_groups:
            group["lr"] = 1e-2 * rate
        peer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_weight_decay_without_a_gradient_is_a_closed_form() -> None:
    model = _model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = Adam(FlatParameters.of(model, []), Train(learning_rate=0.01), weight_decay=0.5)
    for _ in range(10):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    for old, new in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old * (1 - 0.01 * 0.5) ** 10 if old.dim() == 2 else old)


def _rates(steps: int, peer: Any) -> list[float]:
    """Return the factors that a scheduler of PyTorch gives, step by step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = peer(optimizer)
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


def test_the_learning_rate_follows_torch_s_schedulers() -> None:
    from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

    def factors(**settings: Any) -> list[float]:
        train = Train.model_validate({"epochs": 4, **settings})
        return [rate_factor(train, step, 10) for step in range(40)]

    assert factors() == [1.0] * 40
    cosine = _rates(40, lambda optimizer: CosineAnnealingLR(optimizer, T_max=40))
    np.testing.assert_allclose(factors(schedule="cosine"), cosine, atol=1e-12)
    # An epoch and a half: fifteen steps up, the first at 1/15 of the rate, since a step at 0 would be none.
    warm = _rates(40, lambda optimizer: LinearLR(optimizer, start_factor=1 / 15, total_iters=14))
    np.testing.assert_allclose(factors(warmup=1.5), warm, atol=1e-12)
    both = _rates(
        40,
        lambda optimizer: SequentialLR(
            optimizer,
            [LinearLR(optimizer, start_factor=1 / 15, total_iters=14), CosineAnnealingLR(optimizer, T_max=25)],
            milestones=[15],
        ),
    )
    np.testing.assert_allclose(factors(schedule="cosine", warmup=1.5), both, atol=1e-12)


@pytest.mark.parametrize("warmup", [0, 0.01, 0.333, 4, 9.5])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_no_step_of_any_warm_up_has_a_rate_of_zero_or_above_the_given(warmup: float, schedule: str) -> None:
    train = Train.model_validate({"epochs": 4, "warmup": warmup, "schedule": schedule})
    assert all(0 < rate_factor(train, step, 7) <= 1 for step in range(28))


def test_the_proximal_step_minimises_what_defines_it_and_gives_true_zeros() -> None:
    """ProxGen: argmin over x of l1 |x| + (sqrt(v) + epsilon) / (2 rate) (x - w)^2, where w is what Adam's step gave."""
    settings, l1, rate = Train(learning_rate=0.05, epsilon=1e-3), 0.5, 0.8
    layer, output = nn.Linear(40, 1), nn.Linear(1, 1)
    model = nn.Sequential(layer, output)
    optimizer = Adam(FlatParameters.of(model, [layer.weight]), settings)
    random = np.random.default_rng(0)
    second = np.zeros(40)
    for _ in range(3):
        gradient = random.normal(size=(1, 40)).astype(np.float32)
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        layer.weight.grad = torch.from_numpy(gradient)
        optimizer.step(rate)
        stepped = {name: value.detach().clone() for name, value in model.state_dict().items()}
        optimizer.shrink_(l1, rate)
        second = 0.999 * second + 0.001 * gradient[0].astype(float) ** 2
    correction = np.sqrt(1 - 0.999**3)
    scaling = (np.sqrt(second) + 1e-3) / correction
    before, after = stepped["0.weight"][0].double().numpy(), layer.weight.detach()[0].double().numpy()

    def objective(x: np.ndarray) -> np.ndarray:
        return l1 * np.abs(x) + scaling / (2 * 0.05 * rate) * (x - before) ** 2

    grid = np.linspace(-1, 1, 20_001)[:, None] * (np.abs(before) + 0.1)
    assert (objective(after) <= objective(grid).min(0) + 1e-9).all()
    zeros = after == 0
    assert 0 < zeros.sum() < 40, "choose an l1 that shows both sides"
    np.testing.assert_array_equal(zeros, np.abs(before) <= 0.05 * rate * l1 / scaling)
    for name in ("0.bias", "1.weight", "1.bias"):
        assert torch.equal(model.state_dict()[name], stepped[name])
