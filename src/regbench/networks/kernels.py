"""Which parts of a network regularizers apply to."""

from torch import nn

Kernelled = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
"""Layers that have a kernel, of shape (units, inputs, ...)."""


def output_layer(network: nn.Module, classes: int) -> nn.Linear | None:
    """Return the layer that gives the logits: the network's attribute `output` if it has one.

    Else the last linear layer, in the order of definition, with as many outputs as there are classes; None where there
    is none.

    >>> output_layer(nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)), classes=10)
    Linear(in_features=16, out_features=10, bias=True)
    """
    if hasattr(network, "output"):
        named = network.output
        return named if isinstance(named, nn.Linear) else None
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear) and layer.out_features == classes]
    return linear[-1] if linear else None


def kernel_layers(network: nn.Module) -> list[Kernelled]:
    """Return every linear and convolution layer, in the order of definition."""
    return [layer for layer in network.modules() if isinstance(layer, Kernelled)]
