"""Labelled images as the network sees them, and their order in each epoch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.augmentation.zca import Whitening, scale

EVALUATION_BATCH = 1000
"""Images a step where nothing is learnt."""


@dataclass(frozen=True)
class Examples:
    """Images as a network takes them, with their labels.

    They are uint8 pixels, or float32 where they are whitened already. Several copies of the images are one array per
    copy; the epochs take them in turn.
    """

    pixels: NDArray[np.uint8]
    """(copies, N, C, H, W), memory-mapped or in memory."""
    labels: Tensor
    """(N,), int64: positions in the classes."""
    whitening: Whitening | None = None

    def inputs(self, epoch: int = 0) -> Tensor:
        """Return the inputs of an epoch, (N, C, H, W)."""
        pixels = torch.from_numpy(self.pixels[epoch % len(self.pixels)])
        if self.whitening is None:
            return pixels
        white = torch.empty(pixels.shape)
        for start in range(0, len(pixels), EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            white[part] = self.whitening.apply(scale(pixels[part]))
        return white

    def chosen(self, rows: NDArray[np.intp]) -> "Examples":
        """Return some of the examples."""
        return replace(self, pixels=self.pixels[:, rows], labels=self.labels[torch.from_numpy(rows)])

    def __len__(self) -> int:
        return len(self.labels)


def batches(count: int, size: int, random: np.random.Generator) -> Iterator[Tensor]:
    """Yield shuffled row numbers, `size` at a time; a last batch of one joins its neighbour.

    (Batch normalization has no variance of a single image; all variants keep the same batches.)
    """
    order = torch.from_numpy(random.permutation(count))
    start = 0
    for end in [*_ends(count, size), count]:
        yield order[start:end]
        start = end


def batch_count(count: int, size: int) -> int:
    """Return how many batches `batches` yields."""
    return len(_ends(count, size)) + 1


def _ends(count: int, size: int) -> range:
    """Return the first row number after each batch but the last one."""
    return range(size, count - 1, size)


def in_order(count: int) -> Iterator[Tensor]:
    """Yield row numbers in order, in large batches."""
    yield from torch.split(torch.arange(count), EVALUATION_BATCH) if count else ()
