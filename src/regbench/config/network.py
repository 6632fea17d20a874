"""The section `model`: the network."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from regbench.config.section import Count, Section

OWN = "networks"
"""Folder of a project, a package, with the user's own networks and starting weights; `dvc.yaml` watches it."""
MLP = "mlp"
NETWORK = re.compile(rf"{MLP}|cnn|torchvision:\w+|{OWN}(\.[A-Za-z_]\w*)+:[A-Za-z_]\w*")
WEIGHTS = re.compile(rf"({OWN}/.+\.(safetensors|pth|pt))?")


def _known(network: str) -> str:
    if not NETWORK.fullmatch(network):
        raise ValueError(
            f"must be {MLP}, cnn, torchvision:NAME, such as torchvision:resnet18, or your own, {OWN}.MODULE:FUNCTION"
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
    weights: Annotated[str, AfterValidator(_watched)] = ""
    """File of starting weights in the folder `networks`, a state dict: a `.safetensors`, or a `.pth` that holds tensors
    alone. The output layer is left out where it has other classes. Empty: random weights."""
    frozen: bool = False
    """Whether the output layer alone is trained; all else stays as `weights` has it."""

    @property
    def work(self) -> float:
        """Estimate of the work an image, relative to other networks; those that are not known are taken for large."""
        return {MLP: sum(width**2 for width in self.hidden), "cnn": 3e6}.get(self.network, 1e9)
