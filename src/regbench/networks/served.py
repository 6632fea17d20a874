"""A model for serving: class probabilities from raw pixels."""

from torch import Tensor, nn


class Probabilities(nn.Module):
    """A classifier that answers with probabilities (N, K) to raw pixels 0..255, uint8, of shape (N, C, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return class probabilities, each row summing to 1."""
        logits: Tensor = self.network(images)
        return logits.softmax(1)
