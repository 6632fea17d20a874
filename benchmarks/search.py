"""Is the search worth its time? Three questions, on one ingested data set; prints JSON.

    python -m benchmarks.search DATA AUGMENTED OUT [--trials N] [--grid POINTS] [--variant l2 ...] [--params FILE]

1. Is each tuned variant no worse on validation than the fixed one, in the mean over the seeds of `params.yaml`?
2. Which fraction of the epochs does the median pruner spend, for the same settings (sampler random) and the same best?
3. How many trials does TPE need to meet the best of a whole grid?
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
from optuna.trial import FrozenTrial

from regbench.files import write_json
from regbench.params import Params
from regbench.params_file import load_params
from regbench.ranges import Value
from regbench.search.objective import Trainer
from regbench.search.outputs import best_so_far
from regbench.search.study import Journal, Plan, attempt, run_study
from regbench.search.tune import identity, tune
from regbench.search.winner import repeat_one
from regbench.training.runs import load_material
from regbench.workers import Workers

FIXED = {"tuned_l2": "l2", "tuned_dropout": "dropout"}
"""Tuned variant -> the article's; others are compared with the values of their `start`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the ingested splits")
    parser.add_argument("augmented", type=Path, help="folder of the recipes")
    parser.add_argument("out", type=Path, help="folder of studies and of search.json; a stopped benchmark goes on")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--grid", type=int, default=7, help="points a range (default: %(default)s)")
    parser.add_argument("--variant", nargs="+", default=["tuned_l2", "tuned_dropout", "cocktail"])
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    given = parser.parse_args()
    params = load_params(given.params)
    found = {}
    for name in given.variant:
        recipe = given.augmented / params.variants[name].recipe
        case = Case(params, name, given.data, recipe, given.out)
        found[name] = {"tuned": case.tuned(given.trials), "pruning": case.pruning(given.trials)}
        if len(params.variants[name].ranges) < 3:
            found[name]["grid"] = case.grid(given.grid)
        write_json(given.out / "search.json", found)
    print(json.dumps(found, indent=2))


class Case:
    """One variant on one data set."""

    def __init__(self, params: Params, variant: str, data: Path, recipe: Path, out: Path) -> None:
        self.params, self.variant, self.data, self.recipe, self.out = params, variant, data, recipe, out
        self.material = load_material(data, recipe)

    def tuned(self, trials: int) -> dict[str, Any]:
        """Question 1."""
        params = self._with(trials=trials)
        resolved = tune(params, self.variant, self.data, self.recipe, self.out / self.variant, self.out / "journal")
        tuned = params.with_resolved({self.variant: resolved})
        if self.variant in FIXED:
            fixed = params.with_resolved({self.variant: params.strengths(FIXED[self.variant])})
        else:
            ranges = params.variants[self.variant].ranges
            start: dict[str, Value] = {key: searched.start or 0 for key, searched in ranges.items()}
            fixed = params.with_resolved({self.variant: params.variants[self.variant].resolve(start)})
        scores = {name: self._seeds(each) for name, each in (("tuned", tuned), ("fixed", fixed))}
        return {"values": resolved.model_dump(exclude={"search"}), **scores}

    def pruning(self, trials: int) -> dict[str, Any]:
        """Question 2."""
        epochs: dict[str, int] = {}
        best: dict[str, float | None] = {}
        for pruner in ("none", "median"):
            plan, tried = self._study(trials=trials, sampler="random", pruner=pruner)
            epochs[pruner] = sum(int(trial.user_attrs.get("epochs", 0)) for trial in tried)
            best[pruner] = best_so_far(plan, tried)[-1]
        return {"epochs": epochs, "best": best, "fraction": epochs["median"] / epochs["none"]}

    def grid(self, points: int) -> dict[str, Any]:
        """Question 3."""
        plan, tried = self._study(trials=points**3, sampler="grid", pruner="none", grid_points=points)
        goal = best_so_far(plan, tried)[-1]
        plan, found = self._study(trials=plan.budget, sampler="tpe", pruner="none")
        curve = best_so_far(plan, found)
        assert goal is not None
        met = next((place + 1 for place, best in enumerate(curve) if best is not None and best <= goal), None)
        return {"grid_trials": len(tried), "grid_best": goal, "tpe_trials": met, "tpe_best": curve[-1]}

    def _study(self, **search: Any) -> tuple[Plan, list[FrozenTrial]]:
        params = self._with(**search)
        trainer = Trainer(params, self.variant, self.material)
        settings = params.searching(self.variant)
        name = f"benchmark-{self.variant}-{identity(params, self.variant, self.data, self.recipe)}"
        plan = Plan(name, params.variants[self.variant].ranges, settings, trainer.length)
        with Workers(params.compute, partial(attempt, trainer), settings.parallel) as workers:
            return plan, run_study(plan, Journal(self.out / "journal", plan), workers)

    def _seeds(self, params: Params) -> dict[str, float]:
        trainer = Trainer(params, self.variant, self.material)
        with Workers(params.compute, partial(repeat_one, trainer), len(params.seeds)) as workers:
            futures = [workers.submit(({}, seed)) for seed in params.seeds]
            loss, accuracy = np.mean([[float(text) for text in future.result()] for future in futures], axis=0)
        return {"validation_loss": float(loss), "validation_accuracy": float(accuracy)}

    def _with(self, **search: Any) -> Params:
        variant = self.params.variants[self.variant]
        changed = variant.model_copy(update={"search": {**variant.search, **search}})
        return self.params.model_copy(update={"variants": {**self.params.variants, self.variant: changed}})


if __name__ == "__main__":
    main()
