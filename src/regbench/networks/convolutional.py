"""A small convolutional network."""

from torch import nn

from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.layers import ChannelsLast, Dropout, GlorotSequential
from regbench.networks.perceptron import EPSILON


def convolutional(architecture: Architecture, dropout: float, batch_norm: bool) -> nn.Sequential:
    """Return `cnn`: blocks of convolutions 3x3, each ended by a pooling, then flatten, dropout and a linear.

    A block is `convolutions` times [convolution, batch norm, ReLU], with a max pooling 2x2 before its last ReLU. By
    default it is Keras's MNIST example (keras.io/examples/vision/mnist_convnet). There each ReLU comes before its
    pooling; maxima and ReLU commute, and this way the ReLU sees a quarter of the numbers. Batch normalization is before
    both (Ioffe & Szegedy 2015).

    Raises:
        InputError: the images are too small.
    """
    side, channels = [architecture.height, architecture.width], architecture.channels
    smallest = _smallest_side(architecture)
    if min(side) < smallest:
        raise InputError(
            f"network = 'cnn': takes images of {smallest}x{smallest} pixels at least, these have {architecture.image}: "
            "raise data.image_size"
        )
    layers = GlorotSequential(ChannelsLast())
    for filters in architecture.filters:
        for place in range(architecture.convolutions):
            layers.append(nn.Conv2d(channels, filters, 3))
            if batch_norm:
                layers.append(nn.BatchNorm2d(filters, eps=EPSILON))
            if place == architecture.convolutions - 1:
                layers.append(nn.MaxPool2d(2))
            layers.append(nn.ReLU())
            channels = filters
        side = [(pixels - 2 * architecture.convolutions) // 2 for pixels in side]
    size = channels * side[0] * side[1]
    return layers.extend([nn.Flatten(), Dropout(dropout), nn.Linear(size, len(architecture.classes))])


def _smallest_side(architecture: Architecture) -> int:
    """Return the pixels of a side of which one is left after all windows and poolings."""
    side = 1
    for _ in architecture.filters:
        side = 2 * side + 2 * architecture.convolutions
    return side
