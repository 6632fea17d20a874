"""What the strengths do: penalties, norms, changes of inputs and labels, dropout, early stopping. One place each."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn


def penalty(kernels: Tensor, l1: float, l2: float) -> float:
    """Return `l1 * sum|w| + l2 * sum w^2`, the meaning Keras gives to its kernel regularizers.

    `kernels` holds every hidden kernel, of any shape; biases and the output layer are not penalised.
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
    """Scale each unit's incoming weights, a row of its kernel, back to `max_norm` where they are longer.

    (Srivastava et al. 2014.) Shorter rows keep their bits.
    """
    for kernel in kernels:
        kernel.mul_((max_norm / torch.linalg.vector_norm(kernel, dim=1, keepdim=True)).clamp_(max=1))


def noisy(inputs: Tensor, deviation: float, random: np.random.Generator) -> Tensor:
    """Return inputs with Gaussian noise of a standard deviation added to each number (Bishop 1995)."""
    noise = torch.from_numpy(random.standard_normal(tuple(inputs.shape), dtype=np.float32)).to(inputs.device)
    return inputs.add(noise, alpha=deviation)


def mixed(
    inputs: Tensor, labels: Tensor, classes: int, alpha: float, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return inputs (N, D) and labels (N,) of a batch, mixed in pairs; the labels become parts of classes (N, K).

    Each image is mixed with one at random of the batch, all in one ratio from Beta(alpha, alpha), as in the code of
    Zhang et al. (2018).
    """
    part = float(random.beta(alpha, alpha))
    partners = torch.from_numpy(random.permutation(len(labels))).to(labels.device)
    parts = nn.functional.one_hot(labels, classes).to(inputs.dtype)
    return torch.lerp(inputs[partners], inputs, part), torch.lerp(parts[partners], parts, part)


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014): units are dropped with probability `rate`, the others scaled up.

    Masks come from `random`, which the training loop sets anew for each epoch, so that a run repeats exactly.
    PyTorch's own mask costs a quarter of a step at the article's sizes on a CPU; comparing raw 16-bit words with a
    threshold costs a fiftieth, if the answer is written as numbers: by way of booleans it costs three times as much.
    The rate is met to 1/65,536. In evaluation the input is returned as it is.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.random: np.random.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `inputs` of any shape with units dropped; RuntimeError in training before `random` is set."""
        if not self.training or self.rate == 0:
            return inputs
        if self.random is None:
            raise RuntimeError("set Dropout.random before training, so that the masks are keyed")
        return inputs * self._mask(inputs.numel()).view(inputs.shape).to(inputs.device)

    def _mask(self, units: int) -> Tensor:
        assert self.random is not None
        words = self.random.bit_generator.random_raw(-(-units // 4)).view(np.int16)[:units]
        # int16 runs from -32768; a word below the threshold, a fraction `rate` of them, drops its unit.
        kept = torch.ge(torch.from_numpy(words), round(self.rate * 65536) - 32768, out=torch.empty(units))
        return kept.mul_(1 / (1 - self.rate))


@dataclass
class BestEpoch:
    """Follows one score: which epoch is best so far, and whether patience has run out.

    An epoch improves if it beats the best by more than `min_delta` (absolute, never relative); a tie is no
    improvement. The first epoch always counts as best. A score of NaN never improves. Training stops after `patience`
    epochs in a row without improvement, as in Keras's EarlyStopping; patience 0 never stops.
    """

    mode: Literal["min", "max"]
    patience: int = 0
    min_delta: float = 0.0
    epoch: int = field(default=-1, init=False)
    """The best epoch, counted from 0; -1 before the first update."""
    score: float = field(default=float("nan"), init=False)
    waited: int = field(default=0, init=False)
    """Epochs since the best one."""

    def update(self, epoch: int, score: float) -> bool:
        """Record the score of an epoch; return whether it is the best so far."""
        if self.epoch < 0 or self._improves(score):
            self.epoch, self.score, self.waited = epoch, score, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return 0 < self.patience <= self.waited

    def _improves(self, score: float) -> bool:
        return score - self.min_delta > self.score if self.mode == "max" else score + self.min_delta < self.score
