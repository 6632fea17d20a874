"""The draws of `benchmarks.verdicts`: sufficient statistics of simulated comparisons, or of dealt stored cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from regbench.statistics.seed_variance import Floats

RUN_SD = 0.79
"""Standard deviation of one run's accuracy on the default data, in points."""
NOISES = {
    "seeds": (0.02, 0.0),
    "images": (0.0001, 0.06),
    "both": (0.2, 0.05),
    "default data": (0.2, 0.011),
}
"""Variance of a run's mean from remainders, and of an expected mean from a variant's own image effects, in points^2.

On the stored cells of the default data the first is 0.2 (0.18 to 0.35 over variants), and twice the second 0.019 (mean
over the variants but those with ZCA, whose differences to the baseline have -0.05 to 0.13).
"""
ALIKE = ("baseline", "l2", "l1", "elastic_net", "early_stopping", "tuned_l2", "tuned_early_stopping")
"""Variants of the default data whose error is about that of the baseline: their networks are dealt out as if alike."""


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    variants: int
    seeds: tuple[int, ...]
    variances: str
    noise: str
    images: int = 1017

    @property
    def dealt_seeds(self) -> list[int]:
        """Seeds of each variant, the baseline first."""
        return [self.seeds[place % len(self.seeds)] for place in range(self.variants)]

    def row(self) -> dict[str, int | str]:
        """Return the columns that name the setting."""
        seeds = "/".join(str(count) for count in self.seeds)
        return {"variants": self.variants, "seeds": seeds, "variances": self.variances, "noise": self.noise}


@dataclass(frozen=True)
class Draws:
    """Statistics in points, one row per draw; the baseline is the first variant, and no difference is true."""

    differences: Floats
    """Of the means over seeds: each rival minus the baseline (draws, rivals)."""
    variances: Floats
    """Sample variances of a run's mean over images (draws, variants)."""
    remainders: Floats
    """Mean squares of the cells' remainders (draws, variants)."""
    over_images: Floats
    """Variance over images of each difference of the means over seeds (draws, rivals)."""


def simulate(setting: Setting, draws: int, key: int) -> Draws:
    """Return simulated draws; `key` seeds them."""
    rng = np.random.default_rng([13, key])
    seeds, images = np.array(setting.dealt_seeds), setting.images
    remainder, image = NOISES[setting.noise]
    effects = np.full((draws, setting.variants), RUN_SD**2 - remainder if setting.noise != "images" else 0.0)
    if setting.variances == "lognormal":
        effects *= np.exp(0.5 * rng.standard_normal(effects.shape))
    if setting.variances.startswith("tenfold"):
        effects[:, 0 if setting.variances == "tenfold baseline" else 1] *= 10
    means, variances = np.zeros_like(effects), np.zeros_like(effects)
    for place, count in enumerate(seeds):
        sd = np.sqrt(effects[:, place : place + 1] + remainder)
        runs = sd * rng.standard_normal((draws, count))
        if setting.variances == "collapse":
            runs -= 10 * sd * ((rng.random((draws, count)) < 0.1) - 0.1)
        means[:, place], variances[:, place] = runs.mean(1), runs.var(1, ddof=1)
    means += np.sqrt(image) * rng.standard_normal(means.shape)
    cell = images * (image + remainder / seeds)
    freedom = (seeds - 1) * (images - 1)
    remainders = images * remainder * rng.chisquare(freedom, effects.shape) / freedom
    return Draws(means[:, 1:] - means[:, :1], variances, remainders, _over_images(rng, cell, draws, images))


def _over_images(rng: np.random.Generator, cell: Floats, draws: int, images: int) -> Floats:
    """Variances over images of the differences to the first of independent normal profiles, variances `cell`."""
    first = rng.chisquare(images - 1, (draws, 1))
    shared = rng.standard_normal((draws, len(cell) - 1))
    own = shared**2 + rng.chisquare(images - 2, shared.shape)
    cross = shared * np.sqrt(first * cell[0] * cell[1:])
    return np.asarray((own * cell[1:] + first * cell[0] - 2 * cross) / (images - 1))


def dealt(evaluation: Path, alike: Sequence[str], seeds: int, draws: int) -> tuple[Draws, int, int]:
    """Return draws that deal the stored networks of `alike` variants out at random, as variants of `seeds` networks.

    Dealt networks are exchangeable, so no difference is true, whatever the networks are. The images are those stored,
    so they are no noise. Returns also the numbers of variants and images.
    """
    labels = pd.read_csv(evaluation / "labels.csv")["label"].to_numpy()
    files = [evaluation / name / "probabilities.npy" for name in alike]
    cells = np.concatenate([np.load(file).argmax(2) == labels for file in files if file.exists()])
    cells = np.unique(cells, axis=0).astype(np.float64) * 100
    variants, images = len(cells) // seeds, cells.shape[1]
    rng = np.random.default_rng([13, seeds])
    rows = []
    for _ in range(draws):
        hands = cells[rng.permutation(len(cells))[: variants * seeds]].reshape(variants, seeds, images)
        runs, profiles = hands.mean(2), hands.mean(1)
        variances = runs.var(1, ddof=1)
        remainders = (hands.var(1, ddof=1).mean(1) - variances) * images / (images - 1)
        over = (profiles[1:] - profiles[0]).var(1, ddof=1)
        means = runs.mean(1)
        rows.append((means[1:] - means[0], variances, remainders, over))
    return Draws(*(np.array(part) for part in zip(*rows, strict=True))), variants, images
