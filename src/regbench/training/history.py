"""The history of a training: one record per epoch."""

from dataclasses import dataclass

from torch import Tensor

from regbench.config.strengths import Strengths
from regbench.training.epoch import Score
from regbench.training.regularization import penalty


@dataclass(frozen=True)
class EpochRecord:
    """What is known after an epoch; the history is a list of these. Field names are the history's columns."""

    epoch: int
    """From 0."""
    train_loss: float
    """Running mean, while learning, of the loss that is lowered, as Keras reports it: dropout and augmentation are on,
    labels are smoothed or mixed and classes weighted where the variant says so, weights are not averaged. Nats."""
    train_objective: float
    """`train_loss` plus `penalty`."""
    train_accuracy: float
    """Running mean while learning, fraction; of mixed images, for the label with the larger part."""
    sample_loss: float
    """Of unchanged train images, as many as there are validation images, without dropout."""
    sample_accuracy: float
    validation_loss: float
    validation_objective: float
    """`validation_loss` plus `penalty`."""
    validation_accuracy: float
    gap: float
    """Generalization gap: `sample_accuracy - validation_accuracy`."""
    penalty: float
    """L1 and L2 terms of the weights at the end of the epoch (here and below: of their mean, with `averaging`)."""
    weight_norm: float
    """Euclidean norm of the hidden kernels."""


def record_epoch(
    epoch: int, learnt: Score, seen: Score, unseen: Score, kernels: Tensor, strengths: Strengths
) -> EpochRecord:
    """Return the record of an epoch.

    Args:
        epoch: from 0.
        learnt: running means of the training pass.
        seen: of unchanged train images.
        unseen: of validation images.
        kernels: the hidden kernels after the epoch, of any shape.
        strengths: the weights of the penalties.
    """
    extra = penalty(kernels, strengths.l1, strengths.l2)
    return EpochRecord(
        epoch=epoch,
        train_loss=learnt.loss,
        train_objective=learnt.loss + extra,
        train_accuracy=learnt.accuracy,
        sample_loss=seen.loss,
        sample_accuracy=seen.accuracy,
        validation_loss=unseen.loss,
        validation_objective=unseen.loss + extra,
        validation_accuracy=unseen.accuracy,
        gap=seen.accuracy - unseen.accuracy,
        penalty=extra,
        weight_norm=float(kernels.norm()),
    )
