"""The article's network in plain PyTorch, for the PyTorch peers."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def network(strengths: dict, inputs: int, classes: int) -> nn.Sequential:
    """784-500-500-500-500-500-10 with what the strengths ask for."""
    parts: list[nn.Module] = []
    for _ in range(5):
        parts.append(nn.Linear(inputs, 500))
        if strengths.get("batch_norm"):
            parts.append(nn.BatchNorm1d(500))
        parts.append(nn.ReLU())
        if strengths.get("dropout"):
            parts.append(nn.Dropout(strengths["dropout"]))
        inputs = 500
    return nn.Sequential(*parts, nn.Linear(500, classes))


def adam(model: nn.Sequential, strengths: dict) -> torch.optim.Adam:
    """PyTorch's Adam; L2 as weight decay of the hidden kernels, which is the fastest way that it has."""
    kernels = [part.weight for part in model if isinstance(part, nn.Linear)][:-1]
    first = {id(kernel) for kernel in kernels}
    others = [parameter for parameter in model.parameters() if id(parameter) not in first]
    decay = 2 * strengths.get("l2", 0.0)
    return torch.optim.Adam([{"params": kernels, "weight_decay": decay}, {"params": others}])


def penalty(model: nn.Sequential, strengths: dict) -> Tensor | float:
    """L1 as users write it: part of the loss, left to autograd."""
    if not strengths.get("l1"):
        return 0.0
    kernels = [part.weight for part in model if isinstance(part, nn.Linear)][:-1]
    return strengths["l1"] * sum(kernel.abs().sum() for kernel in kernels)


def loaders(folder: Path, recipe: str) -> tuple[DataLoader, DataLoader]:
    """Shuffled train batches of 128, and validation batches, of float32 rows in memory."""

    def loader(split: str, size: int, shuffle: bool) -> DataLoader:
        if recipe == "zca":
            rows = torch.from_numpy(np.load(folder / f"{split}_white.npy"))
        else:
            rows = torch.from_numpy(np.load(folder / f"{split}_pixels.npy")).flatten(1).float() / 255
        labels = torch.from_numpy(np.load(folder / f"{split}_labels.npy"))
        return DataLoader(TensorDataset(rows, labels), batch_size=size, shuffle=shuffle)

    return loader("train", 128, True), loader("validation", 1000, False)
