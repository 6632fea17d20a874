"""Builds the layers of a network by its name.

A network is a function of an `Architecture` and of those structural strengths that it names among its parameters,
`dropout` and `batch_norm`. It returns any `nn.Module` that takes preprocessed images (N, C, H, W), float32, and gives
logits (N, K). What penalties leave out is said by the module, see `regbench.networks.kernels`. A method
`initialize(random)` sets starting weights from a NumPy generator; without one, weights are those that the function
draws from PyTorch's global generator, which is keyed by the seed meanwhile.
"""

import inspect
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.convolutional import convolutional
from regbench.networks.own import is_own, own_function
from regbench.networks.perceptron import perceptron
from regbench.networks.torchvision_models import torchvision_network
from regbench.runtime.arithmetic import seed_torch
from regbench.runtime.randomness import generator

SHIPPED: dict[str, Callable[..., nn.Module]] = {"mlp": perceptron, "cnn": convolutional}
STRUCTURAL = ("dropout", "batch_norm")
"""Strengths that are parts of a network."""


def build_layers(architecture: Architecture, dropout: float, seed: int | None) -> nn.Module:
    """Return a network's layers with the starting weights of a seed; any weights where it is None.

    Raises:
        InputError: there is no such network, it does not take these images or a strength that is on, or the user's own
            function fails.
    """
    function = find_function(architecture.network, architecture.code)
    wanted = {"dropout": dropout, "batch_norm": architecture.batch_norm}
    taken = structural_strengths(function)
    for name in STRUCTURAL:
        if wanted[name] and name not in taken:
            raise InputError(explain_untaken(f"{name} = {wanted[name]}", name, architecture.network))
    with torch.random.fork_rng(devices=[]):
        seed_torch(generator(seed or 0, "layers"))
        layers = _call(function, architecture, {name: wanted[name] for name in taken})
    initialize: Callable[[np.random.Generator], None] | None = getattr(layers, "initialize", None)
    if seed is not None and initialize is not None:
        initialize(generator(seed, "weights"))
    return layers


def find_function(network: str, code: str) -> Callable[..., nn.Module]:
    """Return the function that builds a network by its name; `code` is the identity of the user's own code.

    Raises:
        InputError: see `regbench.networks.own.own_function`.
    """
    if is_own(network):
        return own_function(network, code)
    kind, _, name = network.partition(":")
    return SHIPPED[kind] if kind in SHIPPED else partial(torchvision_network, name)


def structural_strengths(function: Callable[..., nn.Module]) -> list[str]:
    """Return which strengths a network takes: those that its function has as parameters.

    >>> def pooled(architecture: Architecture, dropout: float) -> nn.Module:
    ...     pool = nn.AdaptiveAvgPool2d(4)
    ...     output = nn.Linear(16 * architecture.channels, len(architecture.classes))
    ...     return nn.Sequential(pool, nn.Flatten(), nn.Dropout(dropout), output)
    >>> structural_strengths(pooled)
    ['dropout']
    """
    return [name for name in STRUCTURAL if name in inspect.signature(function).parameters]


def explain_untaken(shown: str, name: str, network: str) -> str:
    """Return the message of a strength that a network does not take, shown with its value if it has one."""
    cure = f"give the function a parameter {name}, or remove it" if is_own(network) else "remove it"
    return f"{shown}: is no part of the network {network}: {cure}"


def _call(function: Callable[..., nn.Module], architecture: Architecture, strengths: dict[str, float]) -> nn.Module:
    if not is_own(architecture.network):
        return function(architecture, **strengths)
    try:
        return function(architecture, **strengths)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"network = {architecture.network!r}: cannot be built: {reason}: correct it") from error
