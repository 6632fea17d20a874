"""The multilayer perceptron with its preprocessing."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from regbench.augmentation.zca import Whitening, scale
from regbench.networks.layers import Dropout
from regbench.runtime.randomness import generator


@dataclass(frozen=True)
class Architecture:
    """What is needed to build the network: it is the JSON file beside the weights."""

    classes: tuple[str, ...]
    """Labels in output order."""
    channels: int
    height: int
    width: int
    hidden: tuple[int, ...]
    """Width of each hidden layer, units."""
    batch_norm: bool = False
    whitening: bool = False

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Rebuild what `dataclasses.asdict` and JSON made of an architecture; TypeError for other fields."""
        return cls(**{**fields, "classes": tuple(fields["classes"]), "hidden": tuple(fields["hidden"])})

    @property
    def inputs(self) -> int:
        """Numbers that describe an image."""
        return self.channels * self.height * self.width


class Perceptron(nn.Module):
    """Pixels to logits: scale to 0..1, whiten if fitted, then [linear, batch norm, ReLU, dropout] * n and a linear.

    `forward` takes raw pixels 0..255 of shape (N, C, H, W), uint8 or float32, and returns logits (N, K). Training
    calls `layers` on rows that are preprocessed already.
    """

    def __init__(self, architecture: Architecture, dropout: float = 0, input_dropout: float = 0) -> None:
        super().__init__()
        self.architecture = architecture
        size = architecture.inputs
        # Empty where there is no whitening, so that every model has the same fields.
        whitened = size if architecture.whitening else 0
        self.mean = nn.Buffer(torch.zeros(whitened))
        self.matrix = nn.Buffer(torch.zeros(whitened, whitened))
        self.layers = nn.Sequential(Dropout(input_dropout))
        for width in architecture.hidden:
            self.layers.append(nn.Linear(size, width))
            if architecture.batch_norm:
                # Keras's epsilon; PyTorch's momentum, since Keras's 0.99 lags for the first few hundred steps.
                self.layers.append(nn.BatchNorm1d(width, eps=1e-3))
            self.layers.extend([nn.ReLU(), Dropout(dropout)])
            size = width
        self.layers.append(nn.Linear(size, len(architecture.classes)))

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in output order."""
        return self.architecture.classes

    @property
    def kernels(self) -> list[Tensor]:
        """The kernel of every linear layer, of shape (outputs, inputs)."""
        return [layer.weight for layer in self.layers if isinstance(layer, nn.Linear)]

    @property
    def hidden_kernels(self) -> list[Tensor]:
        """The kernels that penalties apply to: all but the output layer's."""
        return self.kernels[:-1]

    def initialize(self, seed: int) -> Self:
        """Set Glorot-uniform kernels (Glorot & Bengio 2010) and zero biases, as Keras does; return the model.

        Kernels are drawn one after the other, so that variants of one seed start from the same weights.
        """
        random = generator(seed, "weights")
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                bound = np.sqrt(6 / (layer.in_features + layer.out_features))
                kernel = random.uniform(-bound, bound, size=layer.weight.shape).astype(np.float32)
                with torch.no_grad():
                    layer.weight.copy_(torch.from_numpy(kernel))
                    layer.bias.zero_()
        return self

    def set_whitening(self, whitening: Whitening | None) -> Self:
        """Store a fitted whitening with the model, to be applied by `forward`; return the model."""
        if whitening is not None:
            self.mean.copy_(whitening.mean)
            self.matrix.copy_(whitening.matrix)
        return self

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> Self:
        """Divide all logits by a number above 0, by way of the output layer, whoever loads the network; return it."""
        output = self.layers[-1]
        assert isinstance(output, nn.Linear)
        output.weight.div_(temperature)
        output.bias.div_(temperature)
        return self

    def key_dropout(self, random: np.random.Generator) -> None:
        """Let all dropout layers draw from `random`, in the order of the layers."""
        for layer in self.layers:
            if isinstance(layer, Dropout):
                layer.random = random

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (N, K) for raw pixels 0..255 of shape (N, C, H, W)."""
        rows = scale(pixels.flatten(1))
        if self.architecture.whitening:
            rows = Whitening(self.mean, self.matrix).apply(rows)
        logits: Tensor = self.layers(rows)
        return logits

    @torch.inference_mode()
    def probabilities(self, pixels: Tensor, batch: int = 1000) -> Tensor:
        """Return class probabilities (N, K), float32, summing to 1, for raw pixels 0..255 of shape (N, C, H, W)."""
        self.eval()
        parts = [self(part.to(self.mean.device)).softmax(1).cpu() for part in torch.split(pixels, batch)]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.classes))
