"""torchvision's classifiers: small and gray images, seeds, dropout, names of tensors."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision import models

from regbench.errors import InputError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.layers import DropoutLinear
from regbench.networks.torchvision_models import DEVIATION, MEAN

SMALL = Architecture(("a", "b", "c"), channels=1, height=12, width=10, network="torchvision:resnet18")
LARGE = replace(SMALL, channels=3, height=64, width=64)


def images(architecture: Architecture, count: int = 2) -> Tensor:
    shape = (count, architecture.channels, architecture.height, architecture.width)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_large_images_get_torchvision_s_network_on_normalized_pixels() -> None:
    model = Classifier(LARGE, seed=1).eval()
    published = models.resnet18(num_classes=3).eval()
    published.load_state_dict(model.layers.state_dict())
    shown = (images(LARGE) - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    torch.testing.assert_close(model.logits(images(LARGE)), published(shown))


def test_small_images_get_the_stem_that_keeps_their_pixels() -> None:
    """A quarter of each side is left of 12 x 10 pixels by three strides, as of CIFAR's: 2 x 2."""
    model = Classifier(SMALL, seed=1)
    assert (model.layers.conv1.kernel_size, model.layers.conv1.stride) == ((3, 3), (1, 1))
    sizes: list[tuple[int, ...]] = []
    for name in ("layer1", "layer4"):
        model.layers.get_submodule(name).register_forward_hook(lambda _, __, found: sizes.append(tuple(found.shape)))
    model.logits(images(SMALL))
    assert sizes == [(2, 64, 12, 10), (2, 512, 2, 2)]


@torch.no_grad()
def test_a_gray_image_is_a_coloured_one_without_colour() -> None:
    gray = Classifier(SMALL, seed=1).eval()
    coloured = Classifier(replace(SMALL, channels=3)).eval()
    coloured.layers.load_state_dict(gray.layers.state_dict())
    assert torch.equal(gray.logits(images(SMALL)), coloured.logits(images(SMALL).expand(-1, 3, -1, -1)))


def test_the_seed_decides_starting_weights_and_no_global_state_changes() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (Classifier(SMALL, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["layers.conv1.weight"], other["layers.conv1.weight"])


def test_dropout_is_before_the_output_layer() -> None:
    output = Classifier(SMALL, dropout=0.4).output
    assert isinstance(output, DropoutLinear) and output.dropout.rate == 0.4


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5"])
def test_the_output_layer_of_other_classifiers_is_found(name: str) -> None:
    model = Classifier(replace(SMALL, network=f"torchvision:{name}", height=32, width=32), 0.1).eval()
    with torch.no_grad():
        before = model.logits(images(model.architecture))
        torch.testing.assert_close(model.divide_logits(2).logits(images(model.architecture)), before / 2)


def test_what_is_no_classifier_is_refused_in_one_line() -> None:
    with pytest.raises(InputError) as error:
        Classifier(replace(SMALL, network="torchvision:resnet81"))
    message = "network = 'torchvision:resnet81': is no classifier of torchvision: did you mean"
    assert str(error.value).startswith(message)


def test_a_strength_without_a_place_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^batch_norm = True: is no part of .* torchvision:resnet18: remove it$"):
        Classifier(replace(SMALL, batch_norm=True))
    with pytest.raises(InputError, match=r"^network = .*squeezenet1_0': has no linear output .*: remove dropout$"):
        Classifier(replace(SMALL, network="torchvision:squeezenet1_0"), dropout=0.5)
