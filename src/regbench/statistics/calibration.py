"""Measures calibration: how far the confidence of predictions is from their accuracy."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def calibration_error(probabilities: NDArray[np.float32], labels: NDArray[np.int64], bins: int) -> float:
    """Return the expected calibration error (Guo et al. 2017): |confidence - accuracy| averaged over `bins`.

    The bins are those of `reliability`, weighted by their number of images. In [0, 1]; NaN without images.

    >>> sure = np.array([[0.9, 0.1]] * 10, dtype=np.float32)
    >>> round(calibration_error(sure, np.array([0] * 7 + [1] * 3), bins=15), 3)
    0.2
    """
    table = reliability(probabilities, labels, bins)
    gaps = (table["accuracy"] - table["confidence"]).abs() * table["images"]
    return float(gaps.sum() / len(labels)) if len(labels) else float("nan")


def reliability(probabilities: NDArray[np.float32], labels: NDArray[np.int64], bins: int) -> pd.DataFrame:
    """Return a row per nonempty bin: bin (from 0), images, and their mean confidence and accuracy, fractions.

    The bins have equal width in the confidence of the predicted class; a bin includes its upper edge.
    """
    confidence = probabilities.max(1).astype(np.float64)
    correct = probabilities.argmax(1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    images = np.bincount(place, minlength=bins)
    held = np.flatnonzero(images)
    sums = [np.bincount(place, weights=values, minlength=bins)[held] for values in (confidence, correct)]
    means = [total / images[held] for total in sums]
    return pd.DataFrame({"bin": held, "images": images[held], "confidence": means[0], "accuracy": means[1]})
