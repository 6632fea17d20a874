"""torchvision's classifiers, adapted to the images."""

import torch
from torch import Tensor, nn

from regbench.config.messages import nearest
from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.kernels import output_layer
from regbench.networks.layers import DropoutLinear

SMALL = 64
"""Images with a side of fewer pixels get the stem of a ResNet for small images."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's channels: what torchvision's published weights were trained with."""


def torchvision_network(name: str, architecture: Architecture, dropout: float) -> nn.Module:
    """Return one of torchvision's classifiers, with its own starting weights; dropout is before its output layer.

    Gray images are repeated over three channels, and pixels are normalized as for the published weights. A ResNet for
    images below 64 pixels has the stem of its authors' networks for CIFAR (He et al. 2016, section 4.2): a convolution
    3x3 of stride 1, and no pooling; the published stem would leave a sixteenth of the pixels. Names of tensors are
    torchvision's.

    Raises:
        InputError: torchvision has no such classifier, or dropout has no place in it.
    """
    from torchvision import models  # takes a second, which other networks need not wait for

    known = models.list_models(module=models)
    if name not in known:
        raise InputError(f"network = 'torchvision:{name}': is no classifier of torchvision: {nearest(name, known)}")
    classes = len(architecture.classes)
    network: nn.Module = models.get_model(name, weights=None, num_classes=classes)
    if isinstance(network, models.ResNet) and min(architecture.height, architecture.width) < SMALL:
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        network.maxpool = nn.Identity()
    _put_dropout_before_output(network, name, classes, dropout)
    network.register_buffer("published_mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
    network.register_buffer("published_deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
    network.register_forward_pre_hook(_normalize)
    return network


def _put_dropout_before_output(network: nn.Module, name: str, classes: int, rate: float) -> None:
    output = output_layer(network, classes)
    if output is not None:
        named = DropoutLinear(output.in_features, classes, rate)
        named.load_state_dict(output.state_dict())
        path = next(path for path, layer in network.named_modules() if layer is output)
        network.set_submodule(path, named)
    elif rate:
        raise InputError(f"network = 'torchvision:{name}': has no linear output layer for dropout: remove dropout")


def _normalize(network: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    mean, deviation = network.get_buffer("published_mean"), network.get_buffer("published_deviation")
    images = inputs[0].expand(-1, 3, -1, -1)
    return ((images - mean) / deviation).to(memory_format=torch.channels_last)
