"""Handles unequal classes: weights of classes or images in the loss, or equal shares of an epoch."""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from torch import Tensor


def class_weights(method: Literal["none", "balanced"], labels: Tensor, classes: int) -> Tensor | None:
    """Return the weight of each class in the loss, (K,), float32; None, which is no weight, for `none`.

    `balanced` is scikit-learn's: `n / (k * n_class)` for n labels of k classes, so that the mean weight of an image is
    1. Classes without images are not counted in k, and their weight is 0.
    """
    if method == "none":
        return None
    counts = torch.bincount(labels, minlength=classes)
    weights = len(labels) / (int((counts > 0).sum()) * counts.clamp(min=1).to(torch.float64))
    return torch.where(counts > 0, weights, 0).float()


def cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None, label_smoothing: float) -> Tensor:
    """Return the mean cross-entropy of a batch, nats, with `weights` (K,) the weighted mean.

    Args:
        logits: (N, K).
        targets: classes (N,), or parts of classes (N, K) that sum to 1.
        weights: of the classes. The mean is `CrossEntropyLoss(weight)`'s: over the weights of the targets as they are
            before smoothing. Parts are treated alike, where PyTorch would divide by the number of images; mixup's loss
            is thus the mixture of the losses of both labels.
        label_smoothing: part of each target that is spread evenly over all classes.
    """
    if weights is None or targets.dim() == 1:
        return F.cross_entropy(logits, targets, weights, label_smoothing=label_smoothing)
    total = F.cross_entropy(logits, targets, weights, reduction="sum", label_smoothing=label_smoothing)
    return total / (targets @ weights).sum()


def weighted_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor, label_smoothing: float) -> Tensor:
    """Return the mean of the images' cross-entropies (N, K) -> (N,), nats, each times its weight (N,).

    The sum is divided by the number of images, not by their weights: so the mean over the batches of an epoch is the
    weighted loss of the train split, whatever the batches are.
    """
    losses = F.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)
    return (weights * losses).mean()


def draw_rows(method: Literal["shuffled", "balanced"], labels: Tensor, random: np.random.Generator) -> Tensor:
    """Return the rows of an epoch, (N,), as many as there are `labels` (N,), in no particular order.

    `shuffled`: each row once. `balanced`: every class that has images gets an equal share; shares differ by one row
    where N is no multiple of their number, at random. Within a class rows are drawn without replacement, and again
    from the start when all are used: each row comes equally often, give or take one. Large classes thus show as many
    different images as they can, where drawing with replacement would miss some and repeat others by chance; and
    classes of equal size give each row once, as `shuffled`.
    """
    if method == "shuffled":
        return torch.arange(len(labels))
    groups = [np.flatnonzero(labels.numpy() == label) for label in np.unique(labels.numpy())]
    share, rest = divmod(len(labels), len(groups))
    sizes = share + (random.permutation(len(groups)) < rest)
    drawn = [np.resize(random.permutation(group), size) for group, size in zip(groups, sizes, strict=True)]
    return torch.from_numpy(np.concatenate(drawn))
