"""The section `search` of `params.yaml`: how the ranges of variants are searched."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from regbench.config.ranges import Choices, Range
from regbench.config.section import AtLeastTwo, Count, CountOrZero, Section, Seeds, Strength

WILCOXON_SEEDS = 5
"""Fewest seeds at which the Wilcoxon pruner can stop a trial: 4 seeds, all worse, have p = 1/16, below its 0.1."""


class Search(Section):
    """One study a variant that has ranges; test data is out of its reach."""

    trials: Count = 10
    """Settings to try; a study continues if this alone grows. A grid ends when it is exhausted."""
    per: Literal["study", "parameter"] = "study"
    """Whether `trials` are for a study, or for each range in it."""
    sampler: Literal["tpe", "random", "grid", "gp", "cmaes"] = "tpe"
    """`tpe`: tree-structured Parzen estimator, multivariate; `gp`: Gaussian process; `cmaes`: for 2 ranges or more,
    none of them choices."""
    pruner: Literal["none", "median", "asha", "hyperband", "wilcoxon"] = "asha"
    """What stops hopeless trials: `median`, `asha` (asynchronous successive halving: the best quarter of trials goes on
    after epochs 1, 4, 16 ...) and `hyperband` (several such ladders) compare epochs, `wilcoxon` seeds."""
    startup: Count = 4
    """Finished trials before the sampler and the median pruner learn from them."""
    grid_points: AtLeastTwo = 5
    """Values of a range without a step in the grid."""
    objective: Literal["validation_loss", "validation_accuracy"] = "validation_loss"
    """Of the best epoch, as `train.monitor` chooses it; mean over `seeds`."""
    second: Literal["none", "nonzero_weights"] = "none"
    """A second objective, to be low: the fraction of hidden kernel entries that are not zero. The variant itself takes
    the best by the first objective; the front is plotted. Demands the pruner `none`."""
    zero_below: Strength = 1e-3
    """Magnitude below which a kernel entry counts as zero in the second objective; Adam leaves few exact zeros."""
    epochs: CountOrZero = 0
    """Epochs of a trial, at most; 0: as many as `train.epochs` of the variant."""
    seeds: Seeds = (28,)
    """Seeds that each trial is trained under."""
    top_k: Count = 2
    """Trials that are trained again under `fresh_seeds` for `train.epochs`; the best mean wins. If there are
    two or more, the trial of `start` is one of them, and gives way only to a mean that is better by more than one
    standard error over the fresh seeds."""
    fresh_seeds: Seeds = (29, 30)
    """Seeds that no trial has seen, so that luck does not choose."""
    parallel: Count = 2
    """Trials under way at a time: trial n learns from those up to n - parallel. Part of the study, so that the
    outcome is the same on every machine; `compute.workers` decides how many really run at once."""
    seed: Annotated[int, Field(ge=0)] = 128
    """Key of the sampler's randomness."""

    def problems(self, ranges: Mapping[str, Range | Choices]) -> list[str]:
        """Return what cannot be done for a study of `ranges`, as `key = value: rule: cure`."""
        found = []
        repeated = sorted(set(self.seeds) & set(self.fresh_seeds))
        if repeated:
            found.append(f"fresh_seeds = {list(self.fresh_seeds)}: must not be among seeds: replace {repeated}")
        for name, seeds in (("seeds", self.seeds), ("fresh_seeds", self.fresh_seeds)):
            if len(set(seeds)) < len(seeds):
                found.append(f"{name} = {list(seeds)}: must differ from each other: remove the repeated ones")
        if self.pruner == "wilcoxon" and len(self.seeds) < WILCOXON_SEEDS:
            found.append(
                f"seeds = {list(self.seeds)}: wilcoxon needs {WILCOXON_SEEDS} or more: add some, or use median"
            )
        if self.second != "none" and self.pruner != "none":
            found.append(f"pruner = {self.pruner!r}: must be 'none' where there is a second objective")
        if self.second != "none" and self.sampler == "cmaes":
            found.append("sampler = 'cmaes': must be another one where there is a second objective: use tpe")
        elif self.sampler == "cmaes" and (len(ranges) < 2 or any(isinstance(r, Choices) for r in ranges.values())):
            found.append("sampler = 'cmaes': needs two or more ranges, and no choices: use tpe")
        return found
