"""A small convolutional network."""

from torch import nn

from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.layers import ChannelsLast, Dropout, GlorotSequential
from regbench.networks.perceptron import EPSILON

FILTERS = (32, 64)
"""Of each convolution."""
SMALLEST = 10
"""Pixels of a side: of them one is left after all windows and poolings."""


def convolutional(architecture: Architecture, dropout: float, batch_norm: bool) -> nn.Sequential:
    """Return `cnn`: twice [convolution 3x3, batch norm, max pooling 2x2, ReLU], then flatten, dropout and a linear.

    It is Keras's MNIST example (keras.io/examples/vision/mnist_convnet). There each ReLU comes before its pooling;
    maxima and ReLU commute, and this way the ReLU sees a quarter of the numbers. Batch normalization is before both
    (Ioffe & Szegedy 2015).

    Raises:
        InputError: the images are too small.
    """
    side, channels = [architecture.height, architecture.width], architecture.channels
    if min(side) < SMALLEST:
        raise InputError(
            f"network = 'cnn': takes images of {SMALLEST}x{SMALLEST} pixels at least, these have {architecture.image}: "
            "raise data.image_size"
        )
    layers = GlorotSequential(ChannelsLast())
    for filters in FILTERS:
        layers.append(nn.Conv2d(channels, filters, 3))
        if batch_norm:
            layers.append(nn.BatchNorm2d(filters, eps=EPSILON))
        layers.extend([nn.MaxPool2d(2), nn.ReLU()])
        side, channels = [(pixels - 2) // 2 for pixels in side], filters
    size = channels * side[0] * side[1]
    return layers.extend([nn.Flatten(), Dropout(dropout), nn.Linear(size, len(architecture.classes))])
