"""One pass over batches, to learn or to judge."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from torch import Tensor

from regbench.augmentation.zca import scale
from regbench.config.section import Precision
from regbench.networks.perceptron import Perceptron
from regbench.training.step import Learning


@dataclass(frozen=True)
class Score:
    """Mean over examples."""

    loss: float
    """Cross-entropy, nats."""
    accuracy: float
    """Fraction."""


def run_epoch(
    model: Perceptron,
    rows: Tensor,
    labels: Tensor,
    order: Iterator[Tensor],
    learning: Learning | None = None,
    precision: Precision = "float32",
) -> Score:
    """Go once through the batches of `order`, learning from each if `learning` is given; return mean scores.

    Means are weighted by batch size. An empty order gives NaN. `precision` is that of the matrix products. While
    learning, the loss is the one that is lowered (labels smoothed and mixed where the variant says so), and the
    accuracy is that for the label with the largest part in a mixture.
    """
    device = model.mean.device
    losses = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    count = 0
    model.train(learning is not None)
    with torch.set_grad_enabled(learning is not None):
        for index in order:
            inputs, targets = rows.index_select(0, index).to(device), labels.index_select(0, index).to(device)
            inputs = inputs if inputs.is_floating_point() else scale(inputs)
            if learning is not None:
                inputs, targets = learning.changed(inputs, targets)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model.layers(inputs).float()
            loss = F.cross_entropy(logits, targets) if learning is None else learning.loss(logits, targets)
            if learning is not None:
                learning.step(loss)
            losses += loss.detach() * len(index)
            correct += (logits.detach().argmax(1) == (targets if targets.dim() == 1 else targets.argmax(1))).sum()
            count += len(index)
    return Score(float(losses) / count, int(correct) / count) if count else Score(float("nan"), float("nan"))
