"""Combines the networks of an ensemble: class probabilities (M, N, K) in, logits (N, K) out."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from regbench.config.ensembles import Method


class Mean(nn.Module):
    """Bagging: the logarithm of the mean probability (Breiman 1996, section 6.1, who averages probabilities too)."""

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the logits of M networks together."""
        # A class that no network gives a chance keeps a finite logit.
        return probabilities.mean(0).clamp(min=torch.finfo(probabilities.dtype).tiny).log()


class Votes(nn.Module):
    """Boosting: each network votes for one class, with a weight.

    The logit of a class is the sum of its votes. So SAMME estimates log-probabilities, up to a constant, from the
    exponential loss that it lowers (Zhu et al. 2009, section 2.2): with K classes and the paper's f = sum of
    (K - 1)^2 / K times the vote times (1 for the class, -1 / (K - 1) for others), f / (K - 1) is that.
    """

    def __init__(self, votes: Sequence[float]) -> None:
        super().__init__()
        self.votes = nn.Buffer(torch.tensor(votes, dtype=torch.float32))

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the logits of M networks together: of the first ones, where there are more votes."""
        classes = torch.arange(probabilities.shape[2], device=probabilities.device)
        named = probabilities.argmax(2, keepdim=True) == classes
        return (self.votes[: len(probabilities)].view(-1, 1, 1) * named).sum(0)


class Stack(nn.Module):
    """Stacking: a linear function of all networks' probabilities, network by network (Wolpert 1992)."""

    def __init__(self, networks: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(networks * classes, classes)

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return the logits of M networks together."""
        logits: Tensor = self.linear(probabilities.movedim(0, 1).flatten(1))
        return logits


def build_combination(method: Method, networks: int, classes: int) -> nn.Module:
    """Return how a method combines so many networks, with numbers that are to be set.

    >>> sure, unsure = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.3, 0.7]])
    >>> build_combination("bagging", networks=2, classes=2)(torch.stack([sure, unsure])).softmax(1)
    tensor([[0.6000, 0.4000]])
    """
    match method:
        case "bagging":
            return Mean()
        case "boosting":
            return Votes([1.0] * networks)
        case "stacking":
            return Stack(networks, classes)
