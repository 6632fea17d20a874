"""Random affine changes of images, a batch at a time: no loop over images."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from numpy.typing import NDArray
from torch import Tensor

from regbench.params import Augment, Recipe
from regbench.randomness import generator

CHUNK = 1000
"""Images changed at a time: large enough to amortise calls, small enough to stay in cache."""


def affine_matrices(
    angle: NDArray[np.float64],
    shift: NDArray[np.float64],
    scaling: NDArray[np.float64],
    shear: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the maps from output to input pixels, about the image's centre, of shape (N, 2, 3).

    The convention is `torchvision.transforms.functional.affine`'s, with shear along x only.

    Args:
        angle: clockwise rotation, degrees, (N,).
        shift: along x and y, pixels, (N, 2).
        scaling: factor of size, (N,).
        shear: along x, degrees, (N,).
    """
    turn, slant = np.deg2rad(angle), np.tan(np.deg2rad(shear))
    cos, sin = np.cos(turn), np.sin(turn)
    linear = np.stack([-sin * slant + cos, cos * slant + sin, -sin, cos], axis=-1).reshape(-1, 2, 2)
    linear /= scaling[:, None, None]
    offset = -linear @ shift[:, :, None]
    return np.concatenate([linear, offset], axis=2)


def warp(images: Tensor, matrices: NDArray[np.float64]) -> Tensor:
    """Resample images (N, C, H, W), float32, bilinearly by maps (N, 2, 3); what comes from outside is 0."""
    height, width = images.shape[2:]
    # grid_sample counts from -1 to 1 across each axis.
    ratio = np.array([[1, height / width, 2 / width], [width / height, 1, 2 / height]])
    theta = torch.from_numpy((matrices * ratio).astype(np.float32))
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def augmented(images: Tensor, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Return a randomly changed copy of images (N, C, H, W), uint8 to uint8; row i stays row i.

    Each image gets its own rotation, shift, scale, shear and flips, uniform within the recipe's strengths.
    """
    count = len(images)

    def uniform(strength: float, *shape: int) -> NDArray[np.float64]:
        return random.uniform(-strength, strength, size=(count, *shape))

    matrices = affine_matrices(
        uniform(recipe.rotate), uniform(recipe.shift, 2), 1 + uniform(recipe.scale), uniform(recipe.shear)
    )
    for axis, probability in enumerate((recipe.flip_horizontal, recipe.flip_vertical)):
        matrices[random.random(count) < probability, :, axis] *= -1
    return warp(images.to(torch.float32), matrices).round_().to(torch.uint8)


def copies(images: NDArray[np.uint8], recipe: Recipe, settings: Augment) -> Iterator[tuple[int, int, Tensor]]:
    """Yield `(copy, first row, changed images)` in chunks; copy c is keyed by the seed and c alone."""
    for copy in range(settings.copies):
        random = generator(settings.seed, "augment", copy)
        for start in range(0, len(images), CHUNK):
            chunk = torch.from_numpy(images[start : start + CHUNK])
            yield copy, start, augmented(chunk, recipe, random)
