"""Corrupt images as in real use but never in training, to measure robustness, which accuracy does not show."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from regbench.augmentation.distortion import affine_matrices, warp
from regbench.runtime.randomness import generator

Images = NDArray[np.uint8]
SEED = 128
"""Key of all corruptions: fixed, so that every variant and every run meets the same images."""


def _noise(images: Images, strength: float, random: np.random.Generator) -> NDArray[np.float64]:
    return images + 255 * strength * random.standard_normal(images.shape)


def _blur(images: Images, sigma: float, random: np.random.Generator) -> NDArray[np.float64]:
    blurred: NDArray[np.float64] = gaussian_filter(images.astype(np.float64), sigma=(0, 0, sigma, sigma))
    return blurred


def _shift(images: Images, fraction: float, random: np.random.Generator) -> NDArray[np.float64]:
    direction = random.uniform(0, 2 * np.pi, len(images))
    way = np.stack([np.cos(direction), np.sin(direction)], axis=1)
    return _moved(images, np.zeros(len(images)), fraction * min(images.shape[2:]) * way)


def _rotation(images: Images, degrees: float, random: np.random.Generator) -> NDArray[np.float64]:
    return _moved(images, degrees * random.choice([-1.0, 1.0], len(images)), np.zeros((len(images), 2)))


def _occlusion(images: Images, fraction: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Zero one square per image, `fraction` of the shorter side wide, wholly inside."""
    height, width = images.shape[2:]
    side = max(1, round(fraction * min(height, width)))
    top, left = (
        random.integers(height - side + 1, size=len(images)),
        random.integers(width - side + 1, size=len(images)),
    )
    rows, columns = np.arange(height) - top[:, None], np.arange(width) - left[:, None]
    inside = ((rows >= 0) & (rows < side))[:, None, :, None] & ((columns >= 0) & (columns < side))[:, None, None, :]
    return np.where(inside, 0.0, images)


def _contrast(images: Images, kept: float, random: np.random.Generator) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = images.mean(axis=(1, 2, 3), keepdims=True)
    return mean + kept * (images - mean)


def _moved(images: Images, angle: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    matrices = affine_matrices(angle, shift, np.ones(len(images)), np.zeros(len(images)))
    return warp(torch.from_numpy(images).float(), matrices).numpy().astype(np.float64)


Corruption = Callable[[Images, float, np.random.Generator], NDArray[np.float64]]

CORRUPTIONS: dict[str, tuple[Corruption, tuple[float, float, float]]] = {
    "noise": (_noise, (0.1, 0.2, 0.3)),
    "blur": (_blur, (0.7, 1.1, 1.5)),
    "shift": (_shift, (0.04, 0.08, 0.12)),
    "rotation": (_rotation, (10, 20, 30)),
    "occlusion": (_occlusion, (0.2, 0.3, 0.4)),
    "contrast": (_contrast, (0.5, 0.3, 0.15)),
}
"""What is done and how much at severity 1, 2 and 3: standard deviation of white noise (of the full range), that of a
Gaussian blur (pixels), shift in a random direction (of the shorter side), rotation either way (degrees), side of a
blackened square (of the shorter side), and what is left of the contrast about each image's mean.

The kinds follow Hendrycks & Dietterich 2019 (arXiv 1903.12261) and MNIST-C (Mu & Gilmer 2019, arXiv 1906.02337).
"""
SEVERITIES = (1, 2, 3)


def corrupted(images: Images, kind: str, severity: int) -> Images:
    """Return changed copies of images (N, C, H, W), 0..255; the same call always gives the same pixels.

    The random numbers of a kind are the same at each severity, so that only the strength differs.

    Args:
        images: uint8; no image gives none.
        kind: key in CORRUPTIONS.
        severity: one of SEVERITIES.
    """
    if not len(images):
        return images.copy()
    corrupt, strengths = CORRUPTIONS[kind]
    random = generator(SEED, "corrupt", list(CORRUPTIONS).index(kind))
    changed = corrupt(images, strengths[severity - 1], random)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)
