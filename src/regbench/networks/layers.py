"""Layers that PyTorch does not have, or computes too slowly on a CPU."""

import numpy as np
import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014): units are dropped with probability `rate`, the others scaled up.

    Masks come from `random`, which the training loop seeds again for each epoch, so that a run repeats exactly.
    PyTorch's own mask costs a quarter of a step at the article's sizes on a CPU; comparing raw 16-bit words with a
    threshold costs a fiftieth, if the answer is written as numbers: by way of booleans it costs three times as much.
    The rate is met to 1/65,536. In evaluation the input is returned as it is.

    >>> from regbench.runtime.randomness import generator
    >>> layer = Dropout(0.5)
    >>> layer.random = generator(seed=1, purpose="dropout", epoch=0)
    >>> layer(torch.ones(100)).unique()
    tensor([0., 2.])
    >>> layer.eval()(torch.ones(4))
    tensor([1., 1., 1., 1.])
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


class ChannelsLast(nn.Module):
    """Lays images out with their channels last in memory, in which convolutions on a CPU are 1.5 times as fast."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the same numbers, (N, C, H, W)."""
        return images.to(memory_format=torch.channels_last)


class GlorotSequential(nn.Sequential):
    """Layers one after the other, with Keras's starting weights."""

    @torch.no_grad()
    def initialize(self, random: np.random.Generator) -> None:
        """Set Glorot-uniform kernels (Glorot & Bengio 2010) and zero biases, as Keras does.

        Kernels are drawn one after the other, so that variants of one seed start from the same weights. A pixel of a
        convolution's window counts as an input and an output of its own.
        """
        for layer in self:
            if isinstance(layer, nn.Linear | nn.Conv2d):
                outputs, inputs, *window = layer.weight.shape
                bound = np.sqrt(6 / ((inputs + outputs) * int(np.prod(window))))
                kernel = random.uniform(-bound, bound, size=layer.weight.shape).astype(np.float32)
                layer.weight.copy_(torch.from_numpy(kernel))
                assert layer.bias is not None
                layer.bias.zero_()


class DropoutLinear(nn.Linear):
    """A linear layer with dropout before it; its tensors have the names of a linear layer's."""

    def __init__(self, inputs: int, outputs: int, rate: float) -> None:
        super().__init__(inputs, outputs)
        self.dropout = Dropout(rate)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, outputs) for (N, inputs)."""
        return super().forward(self.dropout(inputs))
