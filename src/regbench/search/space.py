"""Converts ranges, samplers and pruners to Optuna's objects."""

import itertools
from collections.abc import Mapping
from typing import Literal

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
    WilcoxonPruner,
)
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from regbench.config.ranges import Choices, Range, Value, plain
from regbench.config.search import Search
from regbench.config.variants import Variant
from regbench.runtime.randomness import generator

WARM_UP_EPOCHS = 2
"""Epochs that the median pruner leaves a trial before it judges it: the first ones say little."""
ASHA_FACTOR = 4
"""One of so many trials goes on at each rung (Li et al. 2020, arXiv:1810.05934): a third of the epochs on the real
images. With half of the epochs it loses 1 to 2 % of the loss that no pruning reaches (`benchmarks/README.md`)."""
WILCOXON_P = 0.1
"""Below it a trial that is worse than the best one, seed by seed, is stopped; Optuna's default."""
GRID_DIGITS = 12
"""Significant digits of a grid's values."""

Space = Mapping[str, Range | Choices]
"""Range by dotted key below the variant."""


def distribution(key: str, searched: Range | Choices) -> BaseDistribution:
    """Return what Optuna samples for a range; a whole-number strength has whole numbers only."""
    if isinstance(searched, Choices):
        return CategoricalDistribution(searched.choices)
    if whole(key):
        return IntDistribution(int(searched.low), int(searched.high), searched.log, int(searched.step) or 1)
    return FloatDistribution(searched.low, searched.high, searched.log, searched.step or None)


def whole(key: str) -> bool:
    """Return whether a strength is a whole number."""
    field = Variant.model_fields.get(key)
    return field is not None and field.annotation is int


def grid_values(key: str, searched: Range | Choices, points: int) -> list[Value]:
    """Return the values of a range in a grid: all of them where they are listed or have a step, else `points`."""
    if isinstance(searched, Choices):
        return list(searched.choices)
    low, high = searched.low, searched.high
    if searched.step:
        values = low + searched.step * np.arange(round((high - low) / searched.step) + 1)
    else:
        values = np.geomspace(low, high, points) if searched.log else np.linspace(low, high, points)
    exact = [float(f"{value:.{GRID_DIGITS}g}") for value in np.clip(values, low, high)]
    return list(dict.fromkeys(round(value) if whole(key) else value for value in exact))


def grid(space: Space, search: Search) -> list[dict[str, Value]]:
    """Return all settings of a grid in a shuffled order, so that a part of it covers the space."""
    values = [grid_values(key, searched, search.grid_points) for key, searched in space.items()]
    points = [dict(zip(space, point, strict=True)) for point in itertools.product(*values)]
    return [points[place] for place in generator(search.seed, "search").permutation(len(points))]


def given(space: Space, search: Search, index: int) -> dict[str, Value] | None:
    """Return the values that a trial takes without asking the sampler: a point of the grid, or the start."""
    if search.sampler == "grid":
        return grid(space, search)[index]
    start = {key: searched.start for key, searched in space.items() if searched.start is not None}
    return {key: plain(value) if whole(key) else value for key, value in start.items()} if index == 0 else None


def budget(space: Space, search: Search) -> int:
    """Return the number of trials of a study."""
    trials = search.trials * (len(space) if search.per == "parameter" else 1)
    return min(trials, len(grid(space, search))) if search.sampler == "grid" else trials


def sampler(search: Search, index: int) -> BaseSampler:
    """Return a fresh sampler for a trial, keyed by its index.

    It holds nothing but what it reads from the trials before, so that a continued study goes on as if it had never
    stopped.
    """
    seed = int(generator(search.seed, "search", index).integers(2**31))
    match search.sampler:
        case "tpe":
            return TPESampler(n_startup_trials=search.startup, seed=seed)
        case "gp":
            return GPSampler(n_startup_trials=search.startup, seed=seed)
        case "cmaes":
            return CmaEsSampler(n_startup_trials=search.startup, seed=seed)
        case _:
            return RandomSampler(seed=seed)


def pruner(search: Search, epochs: int) -> BasePruner:
    """Return the pruner; `epochs` is the length of a whole trial."""
    match search.pruner:
        case "median":
            return MedianPruner(n_startup_trials=search.startup, n_warmup_steps=WARM_UP_EPOCHS)
        case "asha":
            return SuccessiveHalvingPruner(min_resource=1, reduction_factor=ASHA_FACTOR)
        case "hyperband":
            return HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
        case "wilcoxon":
            return WilcoxonPruner(p_threshold=WILCOXON_P)
        case _:
            return NopPruner()


def directions(search: Search) -> list[Literal["minimize", "maximize"]]:
    """Return where each objective is to go."""
    first: Literal["minimize", "maximize"] = "minimize" if search.objective == "validation_loss" else "maximize"
    return [first] if search.second == "none" else [first, "minimize"]
