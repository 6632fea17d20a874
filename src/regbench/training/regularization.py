"""Regularizers: penalties, bounds on norms, noise and mixing, on kernels, inputs and labels."""

import numpy as np
import torch
from torch import Tensor, nn


def penalty(kernels: Tensor, l1: float, l2: float) -> float:
    """Return `l1 * sum|w| + l2 * sum w^2`, the meaning Keras gives to its kernel regularizers.

    `kernels` holds every hidden kernel, of any shape; biases and the output layer are not penalised.

    >>> penalty(torch.tensor([3.0, -4.0]), l1=0.25, l2=0.5)
    14.25
    """
    value = 0.0
    if l1:
        value += l1 * float(kernels.abs().sum(dtype=torch.float64))
    if l2:
        value += l2 * float(kernels.square().sum(dtype=torch.float64))
    return value


@torch.no_grad()
def add_penalty_gradients_(kernels: list[Tensor], l1: float, l2: float) -> None:
    """Add the gradient of `penalty`, `l1 * sign(w) + 2 * l2 * w`, to the gradient that each kernel has.

    The closed form costs one pass over the weights where automatic differentiation would need several. The
    subgradient of |w| at 0 is 0, as in TensorFlow and PyTorch.
    """
    for kernel in kernels:
        assert kernel.grad is not None
        if l2:
            kernel.grad.add_(kernel, alpha=2 * l2)
        if l1:
            kernel.grad.add_(torch.sign(kernel), alpha=l1)


@torch.no_grad()
def clip_norms_(kernels: list[Tensor], max_norm: float) -> None:
    """Scale each unit's incoming weights back to `max_norm` where they are longer (Srivastava et al. 2014).

    They are a row of a linear layer's kernel, and a filter of a convolution's. Shorter ones keep their bits.
    """
    for kernel in kernels:
        others = tuple(range(1, kernel.dim()))
        kernel.mul_((max_norm / torch.linalg.vector_norm(kernel, dim=others, keepdim=True)).clamp_(max=1))


def add_noise(inputs: Tensor, deviation: float, random: np.random.Generator) -> Tensor:
    """Return inputs with Gaussian noise of a standard deviation added to each number (Bishop 1995)."""
    noise = torch.from_numpy(random.standard_normal(tuple(inputs.shape), dtype=np.float32)).to(inputs.device)
    return inputs.add(noise, alpha=deviation)


def mix_pairs(
    inputs: Tensor, labels: Tensor, classes: int, alpha: float, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return inputs (N, ...) and labels (N,) of a batch, mixed in pairs; the labels become parts of classes (N, K).

    Each image is mixed with one at random of the batch, all in one ratio from Beta(alpha, alpha), as in the code of
    Zhang et al. (2018).
    """
    part = float(random.beta(alpha, alpha))
    partners = torch.from_numpy(random.permutation(len(labels))).to(labels.device)
    parts = nn.functional.one_hot(labels, classes).to(inputs.dtype)
    return torch.lerp(inputs[partners], inputs, part), torch.lerp(parts[partners], parts, part)
