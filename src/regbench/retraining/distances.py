"""Distances between two sets of images, labels or answers, each with the p-value of the null 'both have one source'."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact, hypergeom, ks_2samp

from regbench.runtime.randomness import generator

DIVISIONS = 9_999
"""Random divisions of the labels; the smallest p-value is 1 / (DIVISIONS + 1)."""

Found = tuple[float, float, str]
"""Distance, p-value, what was compared."""
NOTHING: Found = (float("nan"), float("nan"), "nothing to compare")


def label_shares(new: Sequence[str], old: Sequence[str]) -> Found:
    """Return the total variation distance of the shares; p-value by a permutation test, exact at any size."""
    if not new or not old:
        return NOTHING
    classes, positions = np.unique([*new, *old], return_inverse=True)
    drawn = np.bincount(positions[: len(new)], minlength=len(classes))
    pooled = np.bincount(positions, minlength=len(classes))

    def distance(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.abs(counts / len(new) - (pooled - counts) / len(old)).sum(-1) / 2
        return found

    observed = float(distance(drawn))
    divisions = generator(0, "drift").multivariate_hypergeometric(pooled, len(new), size=DIVISIONS, method="marginals")
    # Equal divisions may differ in the last bit.
    as_far = int((distance(divisions) >= observed - 1e-12).sum())
    difference = drawn / len(new) - (pooled - drawn) / len(old)
    most = int(np.abs(difference).argmax())
    about = f"most changed: {str(classes[most])!r}, {100 * difference[most]:+.1f} points of share"
    return observed, (1 + as_far) / (1 + DIVISIONS), about


def missing_classes(new: Sequence[str], old: Sequence[str]) -> Found:
    """Return the share of old classes that are absent; hypergeometric p-value with Bonferroni's correction."""
    if not new or not old:
        return NOTHING
    classes, counts = np.unique(old, return_counts=True)
    absent = ~np.isin(classes, list(set(new)))
    if not absent.any():
        return 0.0, 1.0, "every class occurs"
    chances = hypergeom.pmf(0, len(new) + len(old), counts[absent], len(new))
    p_value = min(1.0, float(chances.min()) * len(classes))
    names = ", ".join(repr(str(name)) for name in classes[absent][:10])
    return float(counts[absent].sum() / len(old)), p_value, f"absent: {names}{' ...' if absent.sum() > 10 else ''}"


def pixel_summaries(new: NDArray[np.uint8], old: NDArray[np.uint8]) -> dict[str, Found]:
    """Return Kolmogorov-Smirnov distances of brightness, contrast and arrangement of images (N, C, H, W), 0..255.

    These are an image's mean, its standard deviation, and its correlation with the mean of all images.
    """
    names = ("brightness", "contrast", "arrangement")
    if not len(new) or not len(old):
        return dict.fromkeys(names, NOTHING)
    # The mean is over old and new images: images that are part of a mean lie closer to it than others.
    mean = (_total(new) + _total(old)) / (len(new) + len(old))
    summaries = zip(_summaries(new, mean), _summaries(old, mean), strict=True)
    return {name: kolmogorov_smirnov(a, b, "mean") for name, (a, b) in zip(names, summaries, strict=True)}


def _total(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = images.sum(0, dtype=np.float64).ravel() / 255
    return found


def _summaries(images: NDArray[np.uint8], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean, standard deviation and correlation with `mean` of each image, shape (3, N); 0 where it is flat."""
    reference = mean - mean.mean()
    parts = []
    for start in range(0, len(images), 1000):
        pixels = images[start : start + 1000].reshape(-1, mean.size) / 255
        std = pixels.std(1)
        scale = std * reference.std() * mean.size
        products = pixels @ reference
        parts.append([pixels.mean(1), std, np.divide(products, scale, out=np.zeros_like(std), where=scale > 0)])
    return np.concatenate(parts, axis=1)


def kolmogorov_smirnov(new: NDArray[np.float64], old: NDArray[np.float64], what: str) -> Found:
    """Return the two-sample Kolmogorov-Smirnov distance of numbers (N,), exact for few; `what` names their mean."""
    if not len(new) or not len(old):
        return NOTHING
    found = ks_2samp(new, old)
    return float(found.statistic), float(found.pvalue), f"{what} {new.mean():.3f}, was {old.mean():.3f}"


def agreement(new: NDArray[np.bool_], old: NDArray[np.bool_]) -> Found:
    """Return how much smaller the new share of right answers is; Fisher's one-sided exact test."""
    if not len(new) or not len(old):
        return NOTHING
    table = [[int(group.sum()), int((~group).sum())] for group in (new, old)]
    p_value = float(fisher_exact(table, alternative="less").pvalue)
    about = f"the champion's answer is the label of {100 * new.mean():.1f} %, was {100 * old.mean():.1f} %"
    return max(0.0, float(old.mean() - new.mean())), p_value, about
