"""Changes of colour against torchvision, image by image, and their place among the other changes."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as peer

from regbench.augmentation.colour import CHANGES, jitter_colours, to_gray
from regbench.augmentation.distortion import augmented, copies
from regbench.config.augmentation import Augment, Recipe
from regbench.runtime.randomness import generator

LARGEST = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}


def images(count: int = 60, channels: int = 3) -> NDArray[np.uint8]:
    """Random pixels; among them a gray, a black, a white and a one-coloured image."""
    pixels = np.random.default_rng(count).integers(0, 256, (count, channels, 9, 7), dtype=np.uint8)
    pixels[0] = pixels[0, :1]
    pixels[1], pixels[2] = 0, 255
    pixels[3] = pixels[3, :, :1, :1]
    return pixels


def amounts(name: str, count: int) -> torch.Tensor:
    """Return amounts (N,) over the whole range, both ends and 0 included."""
    return torch.linspace(-LARGEST[name], LARGEST[name], count)


@pytest.mark.parametrize(("name", "channels"), [*((name, 3) for name in CHANGES), ("brightness", 1), ("contrast", 1)])
def test_each_image_is_changed_as_by_torchvision(name: str, channels: int) -> None:
    pixels = torch.from_numpy(images(61, channels))
    amount = amounts(name, 61)
    ours = CHANGES[name](pixels.float(), amount.view(-1, 1, 1, 1))
    adjust = getattr(peer, f"adjust_{name}")
    pairs = [(image, float(a) + (name != "hue")) for image, a in zip(pixels, amount, strict=True)]
    floats = torch.stack([adjust(image / 255, factor) for image, factor in pairs]) * 255
    torch.testing.assert_close(ours, floats, rtol=0, atol=1e-3)  # of 255
    # torchvision cuts its gray and its result down to whole levels, so that bytes differ by a level, seldom by two.
    levels = torch.stack([adjust(image, factor) for image, factor in pairs]).int()
    distance = (ours.round().int() - levels).abs()
    assert int(distance.max()) <= 2 and float((distance > 1).double().mean()) < 0.02


def test_amount_zero_changes_no_pixel() -> None:
    pixels = torch.from_numpy(images())
    for change in CHANGES.values():
        assert torch.equal(change(pixels.float(), torch.zeros(60, 1, 1, 1)).round(), pixels)


def test_a_change_of_hue_keeps_gray_pixels_and_turns_a_primary_colour_into_the_next() -> None:
    red = torch.tensor([200.0, 50.0, 50.0]).view(1, 3, 1, 1).expand(4, 3, 2, 2)
    turned = CHANGES["hue"](red, torch.tensor([1 / 3, -1 / 3, 0.5, -0.5]).view(-1, 1, 1, 1))[:, :, 0, 0]
    expected = torch.tensor([[50.0, 200, 50], [50, 50, 200], [50, 200, 200], [50, 200, 200]])
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-3)
    gray = torch.full((1, 3, 2, 2), 77.0)
    assert torch.equal(CHANGES["hue"](gray, torch.tensor(0.3)), gray)


def test_strengths_that_are_off_draw_nothing_and_change_nothing() -> None:
    pixels, random = torch.from_numpy(images()), generator(1, "colour")
    assert jitter_colours(pixels, Recipe(rotate=20.0, cutout=3, zca=0.1), random) is pixels
    assert random.integers(2**63) == generator(1, "colour").integers(2**63)


@pytest.mark.parametrize("name", CHANGES)
def test_each_strength_bounds_its_amounts_and_fills_its_range(name: str) -> None:
    strength = LARGEST[name] / 4
    pixels = torch.tensor([120, 60, 40], dtype=torch.uint8).view(1, 3, 1, 1).expand(2000, 3, 2, 1).clone()
    pixels[:, :, 1] = 100
    changed = jitter_colours(pixels, Recipe.model_validate({name: strength}), generator(1, "colour")).float()
    ends = CHANGES[name](pixels[:2].float(), torch.tensor([-strength, strength]).view(-1, 1, 1, 1)).round()
    assert len(changed.unique(dim=0)) > 10, "images get amounts of their own"
    for channel in range(3):
        low, high = ends[:, channel, 0].sort(dim=0).values
        found = changed[:, channel, 0]
        assert found.min() >= low and found.max() <= high
        assert found.max() - found.min() >= high - low - 1


def test_all_four_follow_each_other_in_the_documented_order() -> None:
    pixels = torch.from_numpy(images())
    recipe = Recipe(brightness=0.4, contrast=0.5, saturation=0.6, hue=0.2)
    draws = generator(1, "colour").uniform(-1, 1, (4, 60))
    expected = pixels.float() / 255
    for name, drawn in zip(("brightness", "contrast", "saturation", "hue"), draws, strict=True):
        adjust, strength = getattr(peer, f"adjust_{name}"), getattr(recipe, name)
        factors = strength * drawn + (name != "hue")
        expected = torch.stack([adjust(image, float(f)) for image, f in zip(expected, factors, strict=True)])
    found = jitter_colours(pixels, recipe, generator(1, "colour")).float()
    torch.testing.assert_close(found, expected * 255, rtol=0, atol=0.51)  # rounded once


def test_one_strength_does_not_move_the_random_numbers_of_another() -> None:
    pixels = torch.from_numpy(images())
    alone = jitter_colours(pixels, Recipe(hue=0.3), generator(1, "colour"))
    # A contrast of almost 0 is drawn and applied, and too small to be seen.
    both = jitter_colours(pixels, Recipe(hue=0.3, contrast=1e-9), generator(1, "colour"))
    assert torch.equal(alone, both)


GEOMETRY = {"rotate": 20.0, "shift": 3.0, "scale": 0.1, "flip_horizontal": 0.5, "cutout": 4}


def test_colours_leave_the_geometry_of_every_copy_and_chunk_as_it_is() -> None:
    """A white image becomes a gray one of its own; distorted, it is the distorted white one times that gray."""
    white = np.full((1500, 3, 9, 7), 255, np.uint8)  # more than a chunk
    settings = Augment(copies=2, seed=5)
    plain = [chunk for _, _, chunk in copies(white, Recipe.model_validate(GEOMETRY), settings)]
    jitter = Recipe.model_validate({**GEOMETRY, "brightness": 0.5, "contrast": 0.5})
    for one, (_, _, other) in zip(plain, copies(white, jitter, settings), strict=True):
        gray = other.amax((1, 2, 3), keepdim=True) / 255
        torch.testing.assert_close(other.float(), one * gray, rtol=0, atol=1)
        assert (other[one == 0] == 0).all(), "what is outside or cut out stays 0"
        assert len(gray.unique()) > 50


def test_without_colours_copies_are_those_from_before_colours_existed() -> None:
    pixels, recipe = images(1100), Recipe.model_validate(GEOMETRY)
    random = generator(5, "augment", 0)
    first, second = (augmented(torch.from_numpy(part), recipe, random) for part in (pixels[:1000], pixels[1000:]))
    found = [chunk for _, _, chunk in copies(pixels, recipe, Augment(copies=1, seed=5))]
    assert torch.equal(found[0], first) and torch.equal(found[1], second)


def test_gray_is_torchvision_s() -> None:
    pixels = torch.from_numpy(images()).float()
    torch.testing.assert_close(to_gray(pixels), peer.rgb_to_grayscale(pixels), rtol=1e-6, atol=1e-4)
    assert to_gray(pixels[:, :1]).equal(pixels[:, :1])
