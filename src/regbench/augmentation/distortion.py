"""Random changes of shape, a batch at a time: no loop over images."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from numpy.typing import NDArray
from torch import Tensor

from regbench.augmentation.colour import jitter_colours
from regbench.config.augmentation import Augment, Recipe
from regbench.runtime.randomness import generator

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


def warp(images: Tensor, matrices: NDArray[np.float64], displacements: Tensor | None = None) -> Tensor:
    """Resample images (N, C, H, W), float32, bilinearly by maps (N, 2, 3); what comes from outside is 0.

    `displacements` (N, 2, H, W), along x and y in pixels, are added to where the maps lead, so that both together
    blur an image only once.
    """
    height, width = images.shape[2:]
    # grid_sample counts from -1 to 1 across each axis.
    ratio = np.array([[1, height / width, 2 / width], [width / height, 1, 2 / height]])
    theta = torch.from_numpy((matrices * ratio).astype(np.float32))
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    if displacements is not None:
        grid += displacements.permute(0, 2, 3, 1) * torch.tensor([2 / width, 2 / height])
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def smooth(fields: Tensor, sigma: float) -> Tensor:
    """Return fields (..., H + 2 R, W + 2 R) convolved with a Gaussian, where it lies inside them: (..., H, W).

    R is `radius(sigma)`, where the Gaussian is cut off; its weights sum to 1.
    """
    reach = radius(sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    weights = (weights / weights.sum()).float()

    def bands(length: int) -> Tensor:
        """Return the convolution along an axis as a matrix, since products of matrices are fastest here."""
        matrix = torch.zeros(length - 2 * reach, length)
        for row, line in enumerate(matrix):
            line[row : row + len(weights)] = weights
        return matrix

    return bands(fields.shape[-2]) @ fields @ bands(fields.shape[-1]).T


def radius(sigma: float) -> int:
    """Return where a Gaussian is cut off, pixels: at four standard deviations, as in SciPy."""
    return round(4 * sigma)


def elastic_displacements(
    count: int, height: int, width: int, recipe: Recipe, random: np.random.Generator
) -> Tensor | None:
    """Return elastic distortion (Simard et al. 2003) as displacements (N, 2, H, W), pixels; None where it is off.

    The random fields reach beyond the image, so that the edge is distorted as much as the middle.
    """
    if not recipe.elastic:
        return None
    margin = 2 * radius(recipe.elastic_sigma)
    fields = torch.from_numpy(random.random((count, 2, height + margin, width + margin), dtype=np.float32))
    return smooth(fields.mul_(2).sub_(1), recipe.elastic_sigma).mul_(recipe.elastic)


def cut_out(images: Tensor, side: int, random: np.random.Generator) -> Tensor:
    """Return images (N, C, H, W) with a square of `side` pixels set to 0 (DeVries & Taylor 2017); 0 changes nothing.

    Its centre is any pixel; what lies over the edge is lost.
    """
    if not side:
        return images
    inside = []
    for length in images.shape[2:]:
        start = torch.from_numpy(random.integers(0, length, (len(images), 1)) - side // 2)
        place = torch.arange(length)
        inside.append((place >= start) & (place < start + side))
    square = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return images.masked_fill(square, 0)


def augmented(images: Tensor, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Return a randomly distorted copy of images (N, C, H, W), uint8 to uint8; row i stays row i.

    Each image gets its own rotation, shift, scale, shear and flips, uniform within the recipe's strengths, its own
    elastic distortion and its own square cut out.
    """
    count, _, height, width = images.shape

    def uniform(strength: float, *shape: int) -> NDArray[np.float64]:
        return random.uniform(-strength, strength, size=(count, *shape))

    matrices = affine_matrices(
        uniform(recipe.rotate), uniform(recipe.shift, 2), 1 + uniform(recipe.scale), uniform(recipe.shear)
    )
    for axis, probability in enumerate((recipe.flip_horizontal, recipe.flip_vertical)):
        matrices[random.random(count) < probability, :, axis] *= -1
    displacements = elastic_displacements(count, height, width, recipe, random)
    changed = warp(images.to(torch.float32), matrices, displacements).round_().to(torch.uint8)
    return cut_out(changed, recipe.cutout, random)


def copies(images: NDArray[np.uint8], recipe: Recipe, settings: Augment) -> Iterator[tuple[int, int, Tensor]]:
    """Yield `(copy, first row, changed images)` in chunks; copy c is keyed by the seed and c alone.

    Colours change first: contrast then measures the image alone, and what distortion sets to 0 stays 0. They have
    random numbers of their own, so that a recipe with and without them distorts alike.
    """
    for copy in range(settings.copies):
        random, colours = generator(settings.seed, "augment", copy), generator(settings.seed, "colour", copy)
        for start in range(0, len(images), CHUNK):
            chunk = torch.from_numpy(images[start : start + CHUNK])
            yield copy, start, augmented(jitter_colours(chunk, recipe, colours), recipe, random)
