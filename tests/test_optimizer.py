"""Adam on a flat buffer: agreement with PyTorch's own Adam and with the formula that Keras documents."""

import numpy as np
import torch
from torch import nn

from regbench.params import Train
from regbench.training.optimizer import Adam, FlatParameters


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def test_parameters_and_gradients_are_views_with_the_penalised_ones_first() -> None:
    model = _model()
    before = [p.detach().clone() for p in model.parameters()]
    kernel = model[0].weight
    flat = FlatParameters.of(model, [kernel])
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, new)
    assert torch.equal(flat.kernels, kernel.flatten())
    flat.values.zero_()
    assert all(not p.detach().any() for p in model.parameters())
    model(torch.ones(2, 6)).sum().backward()
    assert kernel.grad is not None
    assert torch.equal(flat.kernel_gradients, kernel.grad.flatten())
    assert float(flat.gradients.abs().sum()) > 0


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
        flat.gradients.copy_(torch.from_numpy(gradient))
        optimizer.step()
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient.astype(float) ** 2
        alpha = 1e-3 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights -= alpha * m / (np.sqrt(v) + 1e-2)
    np.testing.assert_allclose(flat.values.numpy(), weights, rtol=1e-5)


def test_a_step_sets_the_gradients_to_zero() -> None:
    flat = FlatParameters.of(nn.Linear(3, 2), [])
    flat.gradients.fill_(1)
    Adam(flat, Train()).step()
    assert float(flat.gradients.abs().sum()) == 0
