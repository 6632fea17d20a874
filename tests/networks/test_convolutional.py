"""The convolutional network: Keras's MNIST example in shape, start and order of layers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import load_model, save_model

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


@pytest.mark.parametrize(("filters", "convolutions", "smallest"), [((8,), 1, 4), ((8, 16), 2, 16), ((4, 4, 4), 1, 22)])
def test_blocks_of_any_size_end_with_a_pooling(filters: tuple[int, ...], convolutions: int, smallest: int) -> None:
    blocks = replace(SMALL, filters=filters, convolutions=convolutions, height=smallest, width=smallest + 2)
    model = Classifier(replace(blocks, batch_norm=True), seed=3)
    inner = ["Conv2d", "BatchNorm2d", "ReLU"] * (convolutions - 1)
    block = [*inner, "Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["ChannelsLast", *block * len(filters), "Flatten", "Dropout", "Linear"]
    assert [kernel.shape[0] for kernel in model.hidden_kernels] == [f for f in filters for _ in range(convolutions)]
    assert model.logits(torch.zeros(2, 3, smallest, smallest + 2)).shape == (2, 3)
    with pytest.raises(InputError, match=f"takes images of {smallest}x{smallest} pixels at least"):
        Classifier(replace(blocks, height=smallest - 1))


def test_sizes_are_in_the_file_of_a_network_only_where_they_are_not_keras_s(tmp_path: Path) -> None:
    sizes = {"filters", "convolutions"}
    assert not sizes & DIGITS.to_json().keys()
    larger = replace(SMALL, filters=(4, 8), convolutions=2, height=20, width=20)
    assert sizes <= larger.to_json().keys()
    save_model(tmp_path, Classifier(larger, seed=1))
    assert load_model(tmp_path).architecture == larger
