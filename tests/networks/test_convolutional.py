"""The convolutional network: Keras's MNIST example in shape, start and order of layers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier

DIGITS = Architecture(tuple("0123456789"), channels=1, height=28, width=28, network="cnn")
SMALL = Architecture(("a", "b", "c"), channels=3, height=11, width=14, network="cnn")


def test_it_has_the_parameters_of_keras_s_example() -> None:
    """keras.io/examples/vision/mnist_convnet prints 34,826."""
    assert sum(p.numel() for p in Classifier(DIGITS).parameters()) == 34_826


def test_layers_stand_where_practice_has_them() -> None:
    kinds = [type(layer).__name__ for layer in Classifier(replace(SMALL, batch_norm=True), dropout=0.5).layers]
    block = ["Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    assert kinds == ["ChannelsLast", *block, *block, "Flatten", "Dropout", "Linear"]
    assert "BatchNorm2d" not in str(Classifier(SMALL).layers)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_pooling_before_relu_is_relu_before_pooling(batch_norm: bool) -> None:
    model = Classifier(replace(SMALL, batch_norm=batch_norm), seed=1).train()
    layers = list(model.layers)
    for place in [place for place, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]:
        layers[place], layers[place + 1] = layers[place + 1], layers[place]
    images = torch.randn(16, 3, 11, 14, generator=torch.Generator().manual_seed(0))
    parameters = list(model.parameters())
    found, expected = model.logits(images), nn.Sequential(*layers)(images)
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad(each.square().sum(), parameters) for each in (found, expected)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_kernels_are_glorot_uniform_with_a_window_s_pixels_counted() -> None:
    model = Classifier(DIGITS, seed=128)
    fans = [(9, 9 * 32), (9 * 32, 9 * 64), (1600, 10)]
    for kernel, (inputs, outputs) in zip(model.kernels, fans, strict=True):
        bound = np.sqrt(6 / (inputs + outputs))
        largest = float(kernel.detach().abs().max())
        assert 0.95 * bound < largest <= bound
    assert not any(p.any() for p in model.parameters() if p.dim() == 1)


def test_penalties_leave_out_biases_and_the_output_layer() -> None:
    assert [tuple(kernel.shape) for kernel in Classifier(SMALL).hidden_kernels] == [(32, 3, 3, 3), (64, 32, 3, 3)]


def test_images_that_leave_no_pixel_are_refused_in_one_line() -> None:
    Classifier(replace(SMALL, height=10, width=10))
    with pytest.raises(InputError) as error:
        Classifier(replace(SMALL, height=9))
    assert str(error.value) == (
        "network = 'cnn': takes images of 10x10 pixels at least, these have 3x9x14: raise data.image_size"
    )
