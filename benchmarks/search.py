"""Is the search worth its time? Three questions, on a raw data set; writes search.json and prints it.

    python -m benchmarks.search --raw PATH --folder FOLDER [--trials N] [--epochs N] [--variant NAME ...] [--ask ...]

1. `tuned`: is each tuned variant no worse on validation than the fixed one, in the mean over the seeds of
   `params.yaml`?
2. `pruning`: which fraction of the epochs does each pruner spend for the same settings (sampler random), and how much
   of the best value is lost? The best of many trials is mostly the luckiest training, so the settings of each best
   trial are trained again under fresh seeds: `again` is their mean validation loss, `lost_again` the mean difference,
   seed by seed, from what no pruning found, and `error` its standard error. `half` is the same question without the
   luck of one order: see `benchmarks.orders`.
3. `grid`: does TPE meet the best of a whole grid with half of its trials?

Each answer is written as soon as it is there, with the settings that it was found by, in the place of an earlier one.
For the second question trials are trained once, without pruning; each pruner then decides on the recorded curves, which
is what would have happened, since a training does not depend on when it is stopped.
"""

import argparse
import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from benchmarks.orders import compare_orders
from benchmarks.race import ROOT
from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.config.tuned import read_tuned
from regbench.data.dataset import load_split
from regbench.data.ingest import ingest, write
from regbench.data.sample import write_sample
from regbench.engine.augment import write_augmentations
from regbench.engine.run import Engine, open_engine
from regbench.files import read_json, write_json
from regbench.search.journal import Journal
from regbench.search.objective import TrialObjective
from regbench.search.plan import Plan
from regbench.search.study import Objective, run_study
from regbench.search.study_files import best_so_far
from regbench.search.trainer import Trainer
from regbench.search.tune import make_trainer, plan_study, tune
from regbench.search.winner import repeat, repeat_one

TUNED = "tuned_"
"""A variant of this prefix is compared with the one of the same name without it."""
QUESTIONS = ("tuned", "pruning", "grid")
PRUNERS = ("median", "asha", "hyperband")
GRID_RANGES = 2
"""Most ranges of a variant that gets a grid: its trials multiply."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, help="folder or .zip in the canonical layout (default: the sample)")
    parser.add_argument("--folder", type=Path, required=True, help="of arrays and studies; a stopped run goes on")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks", help="folder of search.json")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=6, help="of a training (default: %(default)s)")
    parser.add_argument("--grid", type=int, default=9, help="points of a grid of one range; fewer a range for two")
    parser.add_argument("--fresh", type=int, nargs="+", default=[29, 30, 31, 32], help="seeds that choose the winner")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--variant", nargs="+", default=["tuned_l2", "tuned_dropout", "tuned_cocktail"])
    parser.add_argument("--ask", nargs="+", default=QUESTIONS, choices=QUESTIONS, help="questions; default: all")
    given = parser.parse_args()
    params = _params(given.epochs, given.precision, given.fresh)
    settings = {name: getattr(given, name) for name in ("trials", "epochs", "grid", "fresh", "precision")}
    out = given.out / "search.json"
    found: dict[str, Any] = read_json(out) if out.exists() else {}
    with open_engine(params.compute, given.folder / "store") as engine:
        images = _prepare(engine, params, given.raw, given.folder, given.variant)
        settings |= {"train_images": images, "seeds": list(params.seeds)}
        for name in given.variant:
            case = Case(engine, params, name, given.folder)
            for question in given.ask:
                if question != "grid" or len(params.variants[name].ranges) <= GRID_RANGES:
                    answer = getattr(case, question)(given.grid if question == "grid" else given.trials)
                    found.setdefault(name, {})[question] = {**answer, "settings": settings}
                    write_json(out, found)
    print(json.dumps({name: found[name] for name in given.variant}, indent=2))


class Case:
    """One variant on one data set."""

    def __init__(self, engine: Engine, params: Params, variant: str, folder: Path) -> None:
        self.engine, self.params, self.variant, self.folder = engine, params, variant, folder
        self.data, self.augmented, self.journal = folder / "data", folder / "augmented", folder / "journal"

    def tuned(self, trials: int) -> dict[str, Any]:
        """Question 1."""
        params, out = self._with(trials=trials), self.folder / "results" / self.variant
        alone = params.model_copy(update={"variants": {self.variant: params.variants[self.variant]}})
        tune(self.engine, alone, self.data, self.augmented, out / "tuned", out / "studies", self.journal)
        resolved = read_tuned(out / "tuned" / f"{self.variant}.json")
        fixed = params.strengths(self.variant.removeprefix(TUNED))
        scores = {
            name: self._seeds(params.with_resolved({self.variant: each}))
            for name, each in (("tuned", resolved), ("fixed", fixed))
        }
        return {"values": resolved.model_dump(exclude={"search", "recipe"}, exclude_defaults=True), **scores}

    def pruning(self, trials: int) -> dict[str, Any]:
        """Question 2."""
        unpruned, whole = self._study(trials=trials, sampler="random", pruner="none")
        recorded = {json.dumps(trial.params, sort_keys=True): trial for trial in whole}
        found, best = {"none": _spent(unpruned, whole)}, {"none": _best(whole)}
        for pruner in PRUNERS:
            plan, tried = self._study(partial(_replay, recorded), trials=trials, sampler="random", pruner=pruner)
            assert [trial.params for trial in tried] == [trial.params for trial in whole]
            found[pruner], best[pruner] = _spent(plan, tried), _best(tried)
        epochs, value = found["none"]["epochs"], found["none"]["best"]
        losses = self._again(unpruned, whole, best.values())
        for name, one in found.items():
            lost = losses[best[name]] - losses[best["none"]]
            one |= {"fraction": one["epochs"] / epochs, "lost": one["best"] - value, "again": losses[best[name]].mean()}
            one |= {"lost_again": lost.mean(), "error": lost.std(ddof=1) / np.sqrt(len(lost))}
        half = compare_orders(unpruned.space, unpruned.search, whole, PRUNERS)
        return {**found, "half": half}

    def grid(self, points: int) -> dict[str, Any]:
        """Question 3."""
        ranges = len(self.params.variants[self.variant].ranges)
        a_range = round((points * ranges) ** (1 / ranges))
        plan, tried = self._study(trials=points**3, sampler="grid", pruner="none", grid_points=a_range)
        goal = best_so_far(plan, tried)[-1]
        plan, found = self._study(trials=len(tried) // 2, sampler="tpe", pruner="none")
        curve = best_so_far(plan, found)
        assert goal is not None
        met = next((place + 1 for place, best in enumerate(curve) if best is not None and best <= goal), None)
        return {
            "grid_trials": len(tried),
            "grid_best": goal,
            "tpe_trials": len(found),
            "tpe_best": curve[-1],
            "tpe_met_grid_at": met,
        }

    def trainer(self, params: Params) -> Trainer:
        """Return what trains the variant."""
        return make_trainer(self.engine, params, self.variant, self.data, self.augmented)

    def _study(self, objective: Objective | None = None, **search: Any) -> tuple[Plan, list[FrozenTrial]]:
        trainer = self.trainer(self._with(**search))
        plan = plan_study(trainer)
        if objective:  # Replayed trials take no time: a study of their own.
            plan = replace(plan, label=f"replay-{plan.label}", digest=f"{plan.digest}-replay")
        journal = Journal(self.journal, plan)
        return plan, asyncio.run(run_study(plan, journal, self.engine.executor, objective or TrialObjective(trainer)))

    def _again(self, plan: Plan, trials: list[FrozenTrial], numbers: Iterable[int]) -> dict[int, NDArray[np.float64]]:
        """Return the validation losses of trials' settings under the fresh seeds."""
        chosen, trainer = [trials[number] for number in sorted(set(numbers))], self.trainer(self.params)
        repeats = asyncio.run(repeat(plan, chosen, Journal(self.journal, plan), self.engine.executor, trainer))
        return {
            trial.number: np.array([one.validation_loss for one in repeats if one.trial == trial.number])
            for trial in chosen
        }

    def _seeds(self, params: Params) -> dict[str, Any]:
        trainer = self.trainer(params)
        futures = [self.engine.executor.submit(repeat_one, trainer, {}, seed) for seed in params.seeds]
        losses, accuracies = np.array([[float(text) for text in future.result()] for future in futures]).T
        return {
            "validation_loss": float(losses.mean()),
            "validation_accuracy": float(accuracies.mean()),
            "losses": losses.tolist(),
            "deviation": float(losses.std(ddof=1)),
        }

    def _with(self, **search: Any) -> Params:
        variant = self.params.variants[self.variant]
        changed = variant.model_copy(update={"search": {**variant.search, **search}})
        return self.params.model_copy(update={"variants": {**self.params.variants, self.variant: changed}})


def _params(epochs: int, precision: str, fresh: list[int]) -> Params:
    """Return the shipped parameters and `tuned_l2`, with other epochs, fresh seeds and precision.

    Trials have as many epochs as final trainings.
    """
    params = load_params(ROOT / "params.yaml").model_dump()
    params["variants"]["tuned_l2"] = {"recipe": "plain", "l2": {"low": 1e-6, "high": 1e-2, "log": True, "start": 1e-4}}
    params["train"]["epochs"], params["search"]["epochs"] = epochs, 0
    params["search"]["fresh_seeds"], params["compute"]["precision"] = tuple(fresh), precision
    return Params.model_validate(params)


def _prepare(engine: Engine, params: Params, raw: Path | None, folder: Path, variants: list[str]) -> int:
    """Ingest, and make the augmentations that are not there yet; return the number of train images."""
    data = folder / "data"
    if not (data / "dataset.json").exists():
        if raw is None:
            raw = folder / "sample.zip"
            folder.mkdir(parents=True, exist_ok=True)
            write_sample(raw)
        write(ingest(params.data.model_copy(update={"raw": str(raw)}), earlier_dir=data), data)
    recipes = {params.variants[name].recipe: params.recipe(name) for name in variants}
    write_augmentations(engine, recipes, params.augment, data, folder / "augmented")
    return len(load_split(data, "train").labels)


def _best(trials: list[FrozenTrial]) -> int:
    complete = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    return min(complete, key=lambda trial: trial.values[0]).number


def _spent(plan: Plan, trials: list[FrozenTrial]) -> dict[str, Any]:
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in trials)
    epochs = sum(trial.user_attrs.get("epochs", 0) for trial in trials)
    return {"epochs": epochs, "pruned": pruned, "best": best_so_far(plan, trials)[-1]}


def _replay(recorded: dict[str, FrozenTrial], trial: optuna.Trial) -> list[float]:
    """Report the recorded curve of the same setting, and obey the pruner."""
    whole = recorded[json.dumps(trial.params, sort_keys=True)]
    for epoch, value in sorted(whole.intermediate_values.items()):
        trial.set_user_attr("epochs", epoch + 1)
        trial.report(value, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return list(whole.values)


if __name__ == "__main__":
    main()
