"""The multilayer perceptron."""

from torch import nn

from regbench.networks.architecture import Architecture
from regbench.networks.layers import Dropout, GlorotSequential

EPSILON = 1e-3
"""Batch normalization's, Keras's. Its momentum is PyTorch's: Keras's 0.99 lags for the first few hundred steps."""


def perceptron(architecture: Architecture, dropout: float, batch_norm: bool) -> nn.Sequential:
    """Return `mlp`: [linear, batch norm, ReLU, dropout] for each hidden layer, and a linear."""
    size = architecture.inputs
    layers = GlorotSequential(nn.Flatten())
    for width in architecture.hidden:
        layers.append(nn.Linear(size, width))
        if batch_norm:
            layers.append(nn.BatchNorm1d(width, eps=EPSILON))
        layers.extend([nn.ReLU(), Dropout(dropout)])
        size = width
    return layers.append(nn.Linear(size, len(architecture.classes)))
