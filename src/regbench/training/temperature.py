"""Temperature scaling: fits one number so that a network's confidence matches its accuracy.

The logits are divided by the temperature T that minimizes the log-loss of the validation images (Guo, Pleiss, Sun &
Weinberger 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599): above 1 where the network is too sure,
below 1 where it is not sure enough, as after label smoothing. Predicted classes stay.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from regbench.networks.classifier import Classifier
from regbench.training.epoch import compute_logits
from regbench.training.examples import Examples

LARGEST = 100.0
"""Temperatures are between 1 / LARGEST and LARGEST."""


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the temperature for logits (N, K) of images with `labels` (N,); N at least 1.

    Labels count as if 1 part in N + 1 of each were spread over all classes (compare Platt 1999): where every image is
    right, the log-loss of the plain labels falls without bound as T goes to 0.
    """
    spread = 1 / (len(labels) + 1)
    true = (1 - spread) * logits[np.arange(len(labels)), labels] + spread * logits.mean(1)

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float((logsumexp(logits * scale, axis=1) - true * scale).mean())

    limit = float(np.log(LARGEST))
    # The loss is convex in 1 / T, so it has a single minimum in log T too.
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def scale_temperature(network: Classifier, validation: Examples) -> float:
    """Fit the temperature on validation images, put it into the network's output layer, and return it."""
    temperature = fit_temperature(compute_logits(network, validation).numpy(), validation.labels.numpy())
    network.divide_logits(temperature)
    return temperature
