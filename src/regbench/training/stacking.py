"""Stacking: a multinomial logistic regression on the probabilities of several networks (Wolpert 1992).

It is fitted on validation images, which no network was trained on. How strongly it is penalised is chosen by
cross-validation, and so are its own validation scores made: by folds that were not fitted on the image.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from regbench.errors import InputError
from regbench.networks.combination import Stack

FOLDS = 5
STRENGTHS = tuple(float(10.0**power) for power in range(-2, 5))
"""Inverse weights of the squared coefficients, scikit-learn's C, weakest last."""
STEPS = 2000
"""Of the solver, at most."""


def fit_stack(probabilities: Tensor, labels: NDArray[np.int64], classes: Sequence[str]) -> tuple[Stack, Tensor]:
    """Fit the regression; return it, and its log-probabilities (N, K) of images that it was not fitted on.

    Args:
        probabilities: of M networks for N validation images, (M, N, K).
        labels: of the images, (N,).
        classes: the K labels in words.

    Raises:
        InputError: a class has fewer validation images than there are folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < FOLDS:
        scarce = classes[int(counts.argmin())]
        raise InputError(
            f"class {scarce!r} has {counts.min()} validation images: stacking needs {FOLDS} of each class, one a fold: "
            "raise data.split.validation, or add images"
        )
    inputs = probabilities.double().movedim(0, 1).flatten(1).numpy()
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    # With several threads sums are rounded in another order, on another machine.
    with threadpool_limits(1):
        models = [LogisticRegression(C=strength, max_iter=STEPS, tol=1e-6) for strength in STRENGTHS]
        held_out = [cross_val_predict(model, inputs, labels, cv=folds, method="predict_proba") for model in models]
        best = int(np.argmin([log_loss(labels, found) for found in held_out]))
        fitted = models[best].fit(inputs, labels)
    coefficients, intercepts = _of_all_classes(fitted.coef_, fitted.intercept_)
    stack = Stack(len(probabilities), len(classes))
    with torch.no_grad():
        stack.linear.weight.copy_(torch.from_numpy(coefficients))
        stack.linear.bias.copy_(torch.from_numpy(intercepts))
    return stack, torch.from_numpy(held_out[best]).clamp(min=torch.finfo(torch.float32).tiny).log()


def _of_all_classes(
    coefficients: NDArray[np.float64], intercepts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a row per class; scikit-learn gives the second of two classes alone, whose logit is then the whole one."""
    if len(intercepts) > 1:
        return coefficients, intercepts
    return np.concatenate([-coefficients, coefficients]) / 2, np.concatenate([-intercepts, intercepts]) / 2
