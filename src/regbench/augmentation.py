"""Recipes on images: random affine copies, ZCA whitening, a preview of both. Batched, no loop over images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from regbench.errors import InputError
from regbench.files import atomic, read_array, write_json
from regbench.model import Whitening, scale
from regbench.params import Augment, Recipe
from regbench.randomness import generator

CHUNK = 1000
"""Images transformed at a time: large enough to amortise calls, small enough to stay in cache."""

MOST_WHITENED = 4096
"""Largest number of inputs that ZCA is fitted to; its matrix is this squared, its cost this cubed."""


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


def fit_whitening(images: NDArray[np.uint8], epsilon: float) -> Whitening:
    """Fit ZCA whitening (Bell & Sejnowski 1997) to images (N, C, H, W): `U (S + epsilon)^-1/2 U^T` of the covariance.

    Pixels are scaled to 0..1 first. Epsilon keeps pixels that hardly vary, such as a digit's border, from being blown
    up. The covariance is summed in float64 from float32 products of chunks.

    Raises:
        InputError: the images have more than MOST_WHITENED numbers each.
    """
    size = int(np.prod(images.shape[1:]))
    if size > MOST_WHITENED:
        raise InputError(f"recipes: zca = {epsilon}: an image has {size} numbers, ZCA takes {MOST_WHITENED}: shrink it")
    total, products = torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    for start in range(0, len(images), CHUNK):
        rows = scale(torch.from_numpy(images[start : start + CHUNK]).flatten(1))
        total += rows.sum(0, dtype=torch.float64)
        products += rows.T @ rows
    mean = total / len(images)
    covariance = products / len(images) - torch.outer(mean, mean)
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    matrix = vectors / (eigenvalues.clamp(min=0) + epsilon).sqrt() @ vectors.T
    return Whitening(mean.float(), matrix.float())


def write_recipe(folder: Path, images: NDArray[np.uint8], recipe: Recipe, settings: Augment) -> None:
    """Fit and materialise a recipe on the train images (N, C, H, W), uint8.

    Writes `recipe.json`, `copies.npy` (copies, N, C, H, W) if the recipe augments, `whitening.safetensors` if it
    whitens, and `preview.png`.
    """
    if recipe.augments:
        with atomic(folder / "copies.npy") as path:
            shape = (settings.copies, *images.shape)
            array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            with tqdm(total=settings.copies * len(images), desc=f"augment {folder.name}", disable=None) as bar:
                for copy, start, changed in copies(images, recipe, settings):
                    array[copy, start : start + CHUNK] = changed.numpy()
                    bar.update(len(changed))
            array.flush()
    if recipe.zca:
        whitening = fit_whitening(images, recipe.zca)
        with atomic(folder / "whitening.safetensors") as path:
            save_file({"mean": whitening.mean, "matrix": whitening.matrix}, path)
    write_json(folder / "recipe.json", recipe.model_dump())
    with atomic(folder / "preview.png") as path:
        _preview(images, folder).save(path)


def read_whitening(folder: Path) -> Whitening | None:
    """Return the whitening of a written recipe, or None where it has none."""
    path = folder / "whitening.safetensors"
    return Whitening(**load_file(path)) if path.exists() else None


def read_copies(folder: Path) -> NDArray[np.uint8] | None:
    """Memory-map the copies (copies, N, C, H, W) of a written recipe, or return None where it has none."""
    path = folder / "copies.npy"
    return read_array(path) if path.exists() else None


def _preview(images: NDArray[np.uint8], folder: Path, columns: int = 12, rows: int = 5) -> Image.Image:
    """Draw originals in the first row, then what the network sees of them in five epochs (whitened: stretched)."""
    shown = images[:columns]
    made, whitening = read_copies(folder), read_whitening(folder)
    lines = [shown]
    for row in range(rows if made is not None else 1):
        pixels = shown if made is None else made[row % len(made), :columns]
        if whitening is not None:
            white = whitening.apply(scale(torch.from_numpy(pixels).flatten(1))).numpy()
            low, high = np.percentile(white, [1, 99])
            pixels = (255 * np.clip((white - low) / (high - low or 1), 0, 1)).astype(np.uint8).reshape(pixels.shape)
        lines.append(pixels)
    framed = np.pad(np.stack(lines), ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1)), constant_values=96)
    picture = framed.transpose(0, 3, 1, 4, 2).reshape(framed.shape[0] * framed.shape[3], -1, images.shape[1])
    image = Image.fromarray(picture.squeeze(2) if images.shape[1] == 1 else picture)
    return image.resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST)
