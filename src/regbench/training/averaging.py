"""The running mean of a model's weights, which may be evaluated and saved in their place."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from regbench.training.optimizer import FlatParameters


class Average:
    """Mean of the weights over the steps so far, with weights that decay by `decay` a step.

    It is corrected for its beginning (Kingma & Ba 2015, section 7.2): after t steps it is exactly
    `sum of decay^(t-i) w_i`, divided by the sum of the factors; no trace of the starting weights is left. With a decay
    towards 1 it becomes the plain mean of Polyak & Juditsky (1992). The running statistics of batch normalization are
    averaged with the weights that they belong to.
    """

    def __init__(self, model: nn.Module, parameters: FlatParameters, decay: float) -> None:
        statistics = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self.decay = decay
        self.steps = 0
        self.latest = [parameters.values, *statistics]
        self.mean = [torch.zeros_like(tensor) for tensor in self.latest]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights after a step into the mean."""
        self.steps += 1
        share = (1 - self.decay) / (1 - self.decay**self.steps)
        for mean, latest in zip(self.mean, self.latest, strict=True):
            mean.lerp_(latest, share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the mean weights for a while."""
        kept = [tensor.clone() for tensor in self.latest]
        _copy(self.latest, self.mean)
        try:
            yield
        finally:
            _copy(self.latest, kept)


@torch.no_grad()
def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
