"""The section `model`: the network."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from regbench.config.section import Count, Section

OWN = "networks"
"""Folder of a project, a package, with the user's own networks and starting weights; `dvc.yaml` watches it."""
MLP, CNN = "mlp", "cnn"
SIZES = {"hidden": MLP, "filters": CNN, "convolutions": CNN}
"""Keys of a network's size, and the network that has it."""
NETWORK = re.compile(rf"{MLP}|{CNN}|torchvision:\w+|{OWN}(\.[A-Za-z_]\w*)+:[A-Za-z_]\w*")
WEIGHTS = re.compile(rf"({OWN}/.+\.(safetensors|pth|pt))?")


def _known(network: str) -> str:
    if not NETWORK.fullmatch(network):
        raise ValueError(
            f"must be {MLP}, {CNN}, torchvision:NAME, such as torchvision:resnet18, or your own, {OWN}.MODULE:FUNCTION"
        )
    return network


def _watched(weights: str) -> str:
    if not WEIGHTS.fullmatch(weights):
        raise ValueError(f"must be a .safetensors, .pth or .pt in the folder {OWN}/, which dvc.yaml watches: move it")
    return weights


class Model(Section):
    """The network; inputs and outputs follow from the data."""

    network: Annotated[str, AfterValidator(_known)] = MLP
    """`mlp`, a multilayer perceptron; `cnn`, Keras's MNIST example; `torchvision:NAME`, one of torchvision's
    classifiers; or your own, a function in a module of the folder `networks`: see docs/own-network.md."""
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (500, 500, 500, 500, 500)
    """Width of each hidden layer of `mlp`, units; one layer at least, since penalties are on hidden layers."""
    filters: Annotated[tuple[Count, ...], Field(min_length=1)] = (32, 64)
    """Filters of the convolutions in each block of `cnn`; a pooling ends each block."""
    convolutions: Count = 1
    """Convolutions in each block of `cnn`."""
    weights: Annotated[str, AfterValidator(_watched)] = ""
    """File of starting weights in the folder `networks`, a state dict: a `.safetensors`, or a `.pth` that holds tensors
    alone. The output layer is left out where it has other classes. Empty: random weights."""
    frozen: bool = False
    """Whether the output layer alone is trained; all else stays as `weights` has it."""

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes of all networks, by key."""
        return {key: getattr(self, key) for key in SIZES}

    @property
    def work(self) -> float:
        """Estimate of the work an image, relative to other networks; those that are not known are taken for large."""
        if self.network == MLP:
            return sum(width**2 for width in self.hidden)
        return self._products if self.network == CNN else 1e9

    @property
    def _products(self) -> float:
        """Products an image of 28x28 pixels in the convolutions of `cnn`, as if they had padding."""
        before, count = 1, 0.0
        for place, filters in enumerate(self.filters):
            count += 9 * (28 / 2**place) ** 2 * filters * (before + filters * (self.convolutions - 1))
            before = filters
        return count
