"""Random changes of colour, a batch at a time: brightness, contrast, saturation and hue.

Each function is the `adjust_...` of `torchvision.transforms.v2.functional` of its name, with an own amount for each
image: its factor is 1 + amount, its shift of hue is amount.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from regbench.config.augmentation import Recipe

GRAY = (0.2989, 0.587, 0.114)
"""Parts of red, green and blue in the brightness of a pixel (ITU-R BT.601), as in torchvision."""


def change_brightness(images: Tensor, amount: Tensor) -> Tensor:
    """Return images (N, C, H, W), float32 in 0..255, blended with black; `amount` (N, 1, 1, 1) is at least -1."""
    return (images * (1 + amount)).clamp_(0, 255)


def change_contrast(images: Tensor, amount: Tensor) -> Tensor:
    """Return images (N, C, H, W), float32 in 0..255, blended with their mean gray; `amount` as for brightness."""
    return _blend(images, to_gray(images).mean((1, 2, 3), keepdim=True), amount)


def change_saturation(images: Tensor, amount: Tensor) -> Tensor:
    """Return images (N, C, H, W), float32 in 0..255, blended with themselves in gray; `amount` as for brightness."""
    return _blend(images, to_gray(images), amount)


def change_hue(images: Tensor, amount: Tensor) -> Tensor:
    """Return RGB images (N, 3, H, W), float32 in 0..255, with each hue turned by `amount` (N, 1, 1, 1), turns.

    This is the way to HSV and back in one step: value and saturation stay, so the largest and the smallest channel of
    a pixel keep their values, and only the position between the primary colours moves. Gray pixels stay.
    """
    red, green, blue = torch.split(images, 1, dim=1)
    high, low = images.aminmax(dim=1, keepdim=True)[::-1]
    chroma = high - low
    divisor = torch.where(chroma > 0, chroma, 1)
    from_green_or_blue = torch.where(high == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    sixths = torch.where(high == red, (green - blue) / divisor, from_green_or_blue) + 6 * amount
    place = (sixths + torch.tensor([5, 3, 1]).view(1, 3, 1, 1)).remainder_(6)
    return high - chroma * torch.minimum(place, 4 - place).clamp_(0, 1)


def to_gray(images: Tensor) -> Tensor:
    """Return the brightness (N, 1, H, W) of float images of 1 or 3 channels."""
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor(GRAY).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _blend(images: Tensor, others: Tensor, amount: Tensor) -> Tensor:
    return (images + amount * (images - others)).clamp_(0, 255)


CHANGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": change_brightness,
    "contrast": change_contrast,
    "saturation": change_saturation,
    "hue": change_hue,
}
"""What each strength of a recipe does, in the order in which they are applied."""


def jitter_colours(images: Tensor, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Return images (N, C, H, W), uint8 to uint8, in randomly changed colours; row i stays row i.

    This is torchvision's `ColorJitter` in a fixed order, that of `CHANGES`; values are rounded once, at the end. Each
    image gets its own amounts, uniform within the recipe's strengths. Where any is on, all four are drawn, so that
    one strength does not move the random numbers of another; where all are off, nothing is drawn.

    `saturation` and `hue` are for three channels.

    >>> images = torch.full((2, 3, 4, 4), 100, dtype=torch.uint8)
    >>> torch.equal(jitter_colours(images, Recipe(), np.random.default_rng(0)), images)
    True
    >>> changed = jitter_colours(images, Recipe(brightness=0.2), np.random.default_rng(0))
    >>> bool((changed - 80.0 <= 40).all()), changed.dtype
    (True, torch.uint8)
    """
    strengths = {name: getattr(recipe, name) for name in CHANGES}
    if not any(strengths.values()):
        return images
    draws = torch.from_numpy(random.uniform(-1, 1, (len(CHANGES), len(images), 1, 1, 1)).astype(np.float32))
    changed = images.to(torch.float32)
    for draw, (name, strength) in zip(draws, strengths.items(), strict=True):
        if strength:
            changed = CHANGES[name](changed, strength * draw)
    return changed.round_().to(torch.uint8)
