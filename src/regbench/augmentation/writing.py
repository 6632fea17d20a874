"""Writes augmentations for the stage `augment`."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from regbench.augmentation.distortion import CHUNK, copies
from regbench.augmentation.reading import COPIES, SUMS, WHITENING, read_copies, read_whitening
from regbench.augmentation.zca import fit_whitening, scale
from regbench.config.augmentation import Augment, Recipe
from regbench.files import atomic, sha256, write_json


def write_recipe(folder: Path, images: NDArray[np.uint8], recipe: Recipe, settings: Augment) -> None:
    """Fit and materialise a recipe on the train images (N, C, H, W), uint8.

    Writes `recipe.json`, `copies.npy` (copies, N, C, H, W) if the recipe augments, `whitening.safetensors` if it
    whitens, `sums.json` with the SHA-256 of these two, and `preview.png`. Sets this process to one thread.
    """
    # Whitening differs in the last bits from one number of threads to another; the machine's must not decide.
    torch.set_num_threads(1)
    if recipe.augments:
        with atomic(folder / COPIES) as path:
            shape = (settings.copies, *images.shape)
            array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            with tqdm(total=settings.copies * len(images), desc=f"augment {folder.name}", disable=None) as bar:
                for copy, start, changed in copies(images, recipe, settings):
                    array[copy, start : start + CHUNK] = changed.numpy()
                    bar.update(len(changed))
            array.flush()
    if recipe.zca:
        fit_whitening(images, recipe.zca).save(folder / WHITENING)
    write_json(folder / SUMS, {name: sha256(folder / name) for name in (COPIES, WHITENING) if (folder / name).exists()})
    write_json(folder / "recipe.json", recipe.model_dump())
    with atomic(folder / "preview.png") as path:
        _preview(images, folder).save(path)


def _preview(images: NDArray[np.uint8], folder: Path, columns: int = 12, rows: int = 5) -> Image.Image:
    """Draw originals in the first row, then what the network sees of them in five epochs (whitened: stretched)."""
    # Spread over the rows, which may be sorted by class.
    chosen = np.linspace(0, len(images) - 1, min(columns, len(images))).astype(int)
    shown = images[chosen]
    made, whitening = read_copies(folder), read_whitening(folder)
    lines = [shown]
    for row in range(rows if made is not None else 1):
        pixels = shown if made is None else made[row % len(made)][chosen]
        if whitening is not None:
            # With a very small `zca` numbers overflow; the training then reports it.
            white = np.nan_to_num(
                whitening.apply(scale(torch.from_numpy(pixels).flatten(1))).numpy(), posinf=0, neginf=0
            )
            low, high = np.percentile(white, [1, 99])
            pixels = (255 * np.clip((white - low) / (high - low or 1), 0, 1)).astype(np.uint8).reshape(pixels.shape)
        lines.append(pixels)
    framed = np.pad(np.stack(lines), ((0, 0), (0, 0), (0, 0), (1, 1), (1, 1)), constant_values=96)
    picture = framed.transpose(0, 3, 1, 4, 2).reshape(framed.shape[0] * framed.shape[3], -1, images.shape[1])
    image = Image.fromarray(picture.squeeze(2) if images.shape[1] == 1 else picture)
    return image.resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST)
