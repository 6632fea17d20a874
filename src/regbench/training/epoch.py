"""One pass over batches, to train or to evaluate."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from torch import Tensor

from regbench.augmentation.zca import scale
from regbench.config.section import Precision
from regbench.networks.classifier import Classifier
from regbench.training.examples import Examples, in_order
from regbench.training.step import TrainingStep


@dataclass(frozen=True)
class Score:
    """Mean over examples."""

    loss: float
    """Cross-entropy, nats."""
    accuracy: float
    """Fraction."""


def run_epoch(
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    order: Iterator[Tensor],
    training: TrainingStep | None = None,
    precision: Precision = "float32",
) -> Score:
    """Go once through the batches of `order`, training on each if `training` is given; return mean scores.

    Means are weighted by batch size. An empty order gives NaN. `precision` is that of the matrix products. While
    learning, the loss is the one that is lowered (labels smoothed and mixed, and classes weighted, where the variant
    says so), and the accuracy is that for the label with the largest part in a mixture.
    """
    device = model.mean.device
    losses = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    count = 0
    model.train(training is not None)
    with torch.set_grad_enabled(training is not None):
        for index in order:
            inputs, targets = images.index_select(0, index).to(device), labels.index_select(0, index).to(device)
            inputs = inputs if inputs.is_floating_point() else scale(inputs)
            if training is not None:
                inputs, targets = training.transform_batch(inputs, targets)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model.logits(inputs).float()
            loss = F.cross_entropy(logits, targets) if training is None else training.loss(logits, targets, index)
            if training is not None:
                training.step(loss)
            losses += loss.detach() * len(index)
            correct += (logits.detach().argmax(1) == (targets if targets.dim() == 1 else targets.argmax(1))).sum()
            count += len(index)
    return Score(float(losses) / count, int(correct) / count) if count else Score(float("nan"), float("nan"))


@torch.no_grad()
def compute_logits(network: Classifier, examples: Examples) -> Tensor:
    """Return the logits (N, K) of a network in evaluation mode for all examples, float64, on the CPU."""
    network.eval()
    images, device = examples.inputs(), network.mean.device
    taken = [images[index] for index in in_order(len(examples))]
    parts = [part if part.is_floating_point() else scale(part) for part in taken]
    return torch.cat([network.logits(part.to(device)).double().cpu() for part in parts])
