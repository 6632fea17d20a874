"""Adam on a flat buffer: agreement with PyTorch's own Adam and with the formula that Keras documents."""

import numpy as np
import torch
from torch import nn

from regbench.params import Train
from regbench.training.optimizer import Adam, FlatParameters


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
