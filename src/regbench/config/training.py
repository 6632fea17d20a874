"""The section `train`: the optimizer and the schedule of one training."""

from typing import Literal

from regbench.config.section import Count, Positive, Rate, Section, Strength


class Train(Section):
    """The optimizer and the schedule of one training."""

    epochs: Count = 10
    """Passes over the train split, at most."""
    batch_size: Count = 128
    """Images a step."""
    learning_rate: Positive = 1e-3
    """Adam's step size; with `schedule` and `warmup`, its largest value."""
    schedule: Literal["constant", "cosine"] = "constant"
    """`cosine`: the learning rate falls from step to step by half a cosine, towards 0 at the end of `epochs`
    (Loshchilov & Hutter 2017)."""
    warmup: Strength = 0
    """Epochs, or a part of one, in which the learning rate first rises from 0 in proportion to the steps."""
    beta1: Rate = 0.9
    """Decay a step of the mean of gradients."""
    beta2: Rate = 0.999
    """Decay a step of the mean of squared gradients."""
    epsilon: Positive = 1e-7
    """Adam's epsilon as Keras applies it: added before the bias correction."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced`: an image counts in the loss that is lowered in inverse proportion to the size of its class in the
    train split, as scikit-learn's `balanced`: n / (classes * images of the class). Losses of evaluation stay
    unweighted."""
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    """Which train images make up an epoch. `shuffled`: each once. `balanced`: as many, with an equal share for each
    class; images of small classes repeat, those of large ones take turns from epoch to epoch."""
    monitor: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"
    """What decides the best epoch, and what early stopping watches."""
    min_delta: Strength = 0
    """Smallest change of the monitored value that counts as an improvement."""
    calibration: Literal["none", "temperature"] = "none"
    """`temperature`: the trained network's logits are divided by the number that makes its probabilities fit the
    validation images best (Guo et al. 2017); it is saved, and served, with the network. Predicted classes stay."""
