"""A classifier of images: preprocessing and a network."""

from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from regbench.augmentation.zca import Whitening, scale
from regbench.networks.architecture import Architecture
from regbench.networks.building import build_layers
from regbench.networks.kernels import kernel_layers, output_layer
from regbench.networks.layers import Dropout
from regbench.networks.predictor import Predictor


class Classifier(Predictor):
    """Pixels to logits: scale to 0..1, whiten if fitted, then the layers of the network that the architecture names.

    `forward` takes raw pixels 0..255 of shape (N, C, H, W), uint8 or float32, and returns logits (N, K). Training
    calls `logits` on images that are preprocessed already.

    >>> network = Classifier(Architecture(("cat", "dog"), channels=1, height=8, width=8, hidden=(16,)), seed=1)
    >>> pixels = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    >>> network(pixels).shape
    torch.Size([3, 2])
    >>> network.probabilities(pixels).sum(1)
    tensor([1., 1., 1.])
    >>> [tuple(kernel.shape) for kernel in network.hidden_kernels]
    [(16, 64)]
    """

    def __init__(
        self, architecture: Architecture, dropout: float = 0, input_dropout: float = 0, seed: int | None = None
    ) -> None:
        """Build the network with the starting weights of a seed; None: weights will be loaded.

        Raises:
            InputError: see `regbench.networks.building.build_layers`.
        """
        super().__init__()
        self._architecture = architecture
        # Empty where there is no whitening, so that every model has the same fields.
        whitened = architecture.inputs if architecture.whitening else 0
        self.mean = nn.Buffer(torch.zeros(whitened))
        self.matrix = nn.Buffer(torch.zeros(whitened, whitened))
        self.input_dropout = Dropout(input_dropout)
        self.layers = build_layers(architecture, dropout, seed)

    @property
    def architecture(self) -> Architecture:
        """What builds it."""
        return self._architecture

    @property
    def networks(self) -> list["Classifier"]:
        """Itself."""
        return [self]

    @property
    def output(self) -> nn.Linear | None:
        """The linear layer that gives the logits, if the network has one."""
        return output_layer(self.layers, len(self.classes))

    @property
    def kernels(self) -> list[Tensor]:
        """The kernel of every linear and convolution layer, of shape (units, inputs, ...)."""
        return [layer.weight for layer in kernel_layers(self.layers)]

    @property
    def hidden_kernels(self) -> list[Tensor]:
        """The kernels that penalties apply to: all but the output layer's."""
        output = self.output
        return [kernel for kernel in self.kernels if output is None or kernel is not output.weight]

    @property
    def trained_kernels(self) -> list[Tensor]:
        """The hidden kernels that are not frozen."""
        return [kernel for kernel in self.hidden_kernels if kernel.requires_grad]

    def freeze(self) -> Self:
        """Let training change the output layer alone; batch normalization keeps its statistics. Return the model.

        ValueError where there is no linear output layer.
        """
        if self.output is None:
            raise ValueError("a network without a linear output layer cannot be frozen")
        self.layers.requires_grad_(False)
        self.output.requires_grad_(True)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; frozen batch normalization stays in evaluation mode."""
        super().train(mode)
        for layer in self.modules():
            if isinstance(layer, _BatchNorm) and layer.affine and not layer.weight.requires_grad:
                layer.eval()
        return self

    def set_whitening(self, whitening: Whitening | None) -> Self:
        """Store a fitted whitening with the model, to be applied by `forward`; return the model."""
        if whitening is not None:
            self.mean.copy_(whitening.mean)
            self.matrix.copy_(whitening.matrix)
        return self

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> Self:
        """Divide all logits by a number above 0, by way of the output layer, whoever loads the network; return it.

        ValueError where there is no linear output layer.
        """
        if self.output is None:
            raise ValueError("a network without a linear output layer has no place for a temperature")
        self.output.weight.div_(temperature)
        if self.output.bias is not None:
            self.output.bias.div_(temperature)
        return self

    def key_dropout(self, random: np.random.Generator) -> None:
        """Let all dropout layers draw from `random`, in the order of the layers."""
        for layer in self.modules():
            if isinstance(layer, Dropout):
                layer.random = random

    def logits(self, images: Tensor) -> Tensor:
        """Return logits (N, K) for preprocessed images (N, C, H, W), float32."""
        logits: Tensor = self.layers(self.input_dropout(images))
        return logits

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (N, K) for raw pixels 0..255 of shape (N, C, H, W)."""
        images = scale(pixels)
        if self.architecture.whitening:
            images = Whitening(self.mean, self.matrix).apply(images)
        return self.logits(images)
