"""The base of all models: raw pixels in, logits or class probabilities out."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from regbench.networks.architecture import Architecture
    from regbench.networks.classifier import Classifier


class Description(Protocol):
    """What is needed to build a model, and what it takes and gives; it is the JSON file beside the weights."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in output order."""

    @property
    def channels(self) -> int:
        """1 grayscale, 3 RGB."""

    @property
    def height(self) -> int:
        """Pixels."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def members(self) -> "tuple[Architecture, ...]":
        """What builds each of its networks."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""


class Predictor(nn.Module):
    """A network, or several that answer as one.

    `forward` takes raw pixels 0..255 of shape (N, C, H, W), uint8 or float32, and returns logits (N, K).
    """

    @property
    @abstractmethod
    def architecture(self) -> Description:
        """What builds it."""

    @property
    @abstractmethod
    def networks(self) -> "list[Classifier]":
        """The networks that it is made of."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in output order."""
        return self.architecture.classes

    @torch.inference_mode()
    def probabilities(self, pixels: Tensor, batch: int = 1000) -> Tensor:
        """Return class probabilities (N, K), float32, summing to 1, for raw pixels 0..255 of shape (N, C, H, W)."""
        self.eval()
        device = next(self.parameters()).device
        parts = [self(part.to(device)).softmax(1).cpu() for part in torch.split(pixels, batch)]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.classes))
