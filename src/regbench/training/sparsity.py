"""Whether a penalty made a network smaller: zeros, units that no longer do anything, bytes on disk."""

import zlib
from itertools import pairwise
from pathlib import Path

import torch

from regbench.networks.perceptron import Perceptron

LEVEL = 9
"""Of zlib: what `gzip -9` leaves. LZMA leaves up to an eighth less, and takes two seconds for the article's network."""


def describe_sparsity(model: Perceptron, weights: Path) -> dict[str, float]:
    """Return what `result.json` says of a network's sparsity; `weights` is the file of its weights."""
    return {
        "zero_weights": zero_weights(model),
        "dead_units": dead_units(model),
        "compressed_bytes": compressed_bytes(weights),
    }


def zero_weights(model: Perceptron) -> float:
    """Return the fraction of hidden kernel entries that are exactly 0."""
    return float((torch.cat([kernel.detach().flatten() for kernel in model.hidden_kernels]) == 0).double().mean())


def nonzero_weights(model: Perceptron, zero_below: float) -> float:
    """Return the fraction of hidden kernel entries whose magnitude is at least `zero_below`."""
    kernels = torch.cat([kernel.detach().flatten() for kernel in model.hidden_kernels])
    return float((kernels.abs() >= zero_below).double().mean())


def dead_units(model: Perceptron) -> int:
    """Return how many hidden units have only zeros coming in, or only zeros going out: an image changes nothing there.

    Such a unit can be removed, its constant output being added to the biases of the next layer.
    """
    kernels = [kernel.detach() != 0 for kernel in model.kernels]
    return sum(int((~(incoming.any(1) & outgoing.any(0))).sum()) for incoming, outgoing in pairwise(kernels))


def compressed_bytes(path: Path) -> int:
    """Return how many bytes zlib leaves of a file."""
    return len(zlib.compress(path.read_bytes(), LEVEL))
