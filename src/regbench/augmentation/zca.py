"""ZCA whitening: fitted on train images, stored, and applied to every split and at serving."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor
from tqdm import tqdm

from regbench.errors import InputError
from regbench.files import atomic

CHUNK = 1000
"""Images taken at a time, which bounds memory."""

MOST_INPUTS = 4096
"""Largest number of inputs that ZCA is fitted to; its matrix is this squared, its cost this cubed."""


def scale(pixels: Tensor) -> Tensor:
    """Bring pixels 0..255 of any type to float32 in 0..1."""
    return pixels.to(torch.float32) * (1 / 255)


@dataclass(frozen=True)
class Whitening:
    """A fitted linear map of pixels scaled to 0..1: `(x - mean) @ matrix`, of shapes (D,) and (D, D), float32."""

    mean: Tensor
    matrix: Tensor

    def apply(self, inputs: Tensor) -> Tensor:
        """Whiten images (N, C, H, W), or rows (N, D), float32; the shape stays."""
        return ((inputs.flatten(1) - self.mean) @ self.matrix).view(inputs.shape)

    def save(self, path: Path) -> None:
        """Write both tensors to a safetensors file."""
        with atomic(path) as temporary:
            temporary.write_bytes(save({"mean": self.mean, "matrix": self.matrix}))

    @classmethod
    def load(cls, path: Path) -> "Whitening":
        """Read what `save` wrote."""
        return cls(**load_file(path))


def fit_whitening(images: NDArray[np.uint8], epsilon: float) -> Whitening:
    """Fit ZCA whitening (Bell & Sejnowski 1997) to images (N, C, H, W): `U (S + epsilon)^-1/2 U^T` of the covariance.

    Pixels are scaled to 0..1 first. Epsilon keeps pixels that hardly vary, such as a digit's border, from being blown
    up. The covariance is summed in float64 from float32 products of chunks.

    >>> images = np.random.default_rng(0).integers(0, 256, (500, 1, 2, 2), dtype=np.uint8)
    >>> white = fit_whitening(images, epsilon=1e-6).apply(scale(torch.from_numpy(images))).flatten(1)
    >>> torch.allclose(white.T.cov(correction=0), torch.eye(4), atol=1e-3)
    True

    Raises:
        InputError: the images have more than MOST_INPUTS numbers each.
    """
    size = int(np.prod(images.shape[1:]))
    if size > MOST_INPUTS:
        raise InputError(f"recipes: zca = {epsilon}: an image has {size} numbers, ZCA takes {MOST_INPUTS}: shrink it")
    total, products = torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    for start in tqdm(range(0, len(images), CHUNK), desc="whiten", unit="k images", disable=None):
        rows = scale(torch.from_numpy(images[start : start + CHUNK]).flatten(1))
        total += rows.sum(0, dtype=torch.float64)
        products += rows.T @ rows
    mean = total / len(images)
    covariance = products / len(images) - torch.outer(mean, mean)
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    matrix = vectors / (eigenvalues.clamp(min=0) + epsilon).sqrt() @ vectors.T
    return Whitening(mean.float(), matrix.float())
