"""Measures whether a penalty made a network smaller: zeros, dead units, bytes on disk."""

import zlib
from pathlib import Path

import torch
from torch import Tensor, nn

from regbench.networks.classifier import Classifier
from regbench.networks.kernels import kernel_layers
from regbench.networks.predictor import Predictor


def describe_sparsity(model: Predictor, weights: Path) -> dict[str, float]:
    """Return what `result.json` says of a network's sparsity; `weights` is the file of its weights."""
    return {
        "zero_weights": zero_weights(model),
        "dead_units": dead_units(model),
        "compressed_bytes": compressed_bytes(weights),
    }


def zero_weights(model: Predictor) -> float:
    """Return the fraction of hidden kernel entries that are exactly 0."""
    kernels = [kernel.detach().flatten() for network in model.networks for kernel in network.hidden_kernels]
    return float((torch.cat(kernels) == 0).double().mean())


def nonzero_weights(model: Classifier, zero_below: float) -> float:
    """Return the fraction of hidden kernel entries whose magnitude is at least `zero_below`."""
    kernels = torch.cat([kernel.detach().flatten() for kernel in model.hidden_kernels])
    return float((kernels.abs() >= zero_below).double().mean())


def dead_units(model: Predictor) -> int:
    """Return how many hidden units, or filters, have only zeros coming in, or only zeros going out.

    An image changes nothing there: such a unit can be removed, its constant output being added to the biases of the
    next layer. What goes out is known where layers follow one another, in an `nn.Sequential`; elsewhere only what comes
    in counts.
    """
    return sum(map(_dead_units, model.networks))


def _dead_units(model: Classifier) -> int:
    layers = kernel_layers(model.layers)
    chained = isinstance(model.layers, nn.Sequential) and set(layers) <= set(model.layers)
    following = [*layers[1:], None] if chained else [None] * len(layers)
    return sum(
        _dead(layer.weight.detach(), after.weight.detach() if after else None)
        for layer, after in zip(layers, following, strict=True)
        if layer is not model.output
    )


def _dead(incoming: Tensor, outgoing: Tensor | None) -> int:
    alive = (incoming != 0).flatten(1).any(1)
    # Behind a flattening, a unit's outputs are neighbours among the next layer's inputs; grouped ones are left out.
    if outgoing is not None and outgoing.shape[1] % len(incoming) == 0:
        alive &= (outgoing != 0).reshape(len(outgoing), len(incoming), -1).any(2).any(0)
    return int((~alive).sum())


def compressed_bytes(path: Path) -> int:
    """Return how many bytes of a file of weights remain after compression by zlib.

    Nothing but zeros repeats in weights. So zlib looks for runs only (`Z_RLE`): it leaves about as much as `gzip -9`,
    and is faster, above all where most weights are 0.
    """
    compressor = zlib.compressobj(strategy=zlib.Z_RLE)
    return len(compressor.compress(path.read_bytes())) + len(compressor.flush())
