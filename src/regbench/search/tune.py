"""The search of one variant, from its ranges to its resolved strengths."""

import hashlib
import json
from functools import partial
from pathlib import Path
from types import ModuleType

import optuna
import torch
from filelock import FileLock

from regbench.augmentation import zca
from regbench.config.experiment import Experiment
from regbench.config.variants import Variant
from regbench.data.dataset import INDEX
from regbench.engine import runs
from regbench.engine.runs import load_material
from regbench.engine.workers import Workers
from regbench.errors import DivergedError
from regbench.files import sha256
from regbench.networks import perceptron
from regbench.runtime import randomness
from regbench.runtime.device import device
from regbench.search import objective, space, study, study_files
from regbench.search.objective import Trainer
from regbench.search.plots import write_plots
from regbench.search.study import Journal, Plan, attempt, run_study
from regbench.search.winner import finalists, repeat, repeat_one, winner
from regbench.training import examples, fit, optimizer, regularization

CODE: tuple[ModuleType, ...] = (
    examples,
    perceptron,
    objective,
    optimizer,
    randomness,
    regularization,
    runs,
    space,
    study,
    fit,
    zca,
)
"""Modules that decide what a trial gives: with other code a study starts anew."""
BUDGET = {"trials", "per", "top_k", "fresh_seeds"}
"""Keys of `search` that may change while a study goes on."""


def tune(params: Experiment, variant: str, data: Path, recipe: Path, folder: Path, storage: Path) -> Variant:
    """Search the ranges of a variant and return it resolved; trials that `storage` holds already are not run again.

    Writes into `folder` what `regbench.search.study_files` and `plots` make of the study.

    Raises:
        DivergedError: no trial was complete, or every finalist diverged.
        IntegrityError: the storage cannot be read.
    """
    material = load_material(data, recipe)
    trainer = Trainer(params, variant, material)
    ranges, search = params.variants[variant].ranges, params.searching(variant)
    plan = Plan(f"{variant}-{identity(params, variant, data, recipe)}", ranges, search, trainer.length)
    storage.parent.mkdir(parents=True, exist_ok=True)
    # Two searches of one study at once would try the same trials; the second waits, and then finds them.
    with FileLock(storage.with_name(f".{plan.name}.lock")):
        journal = Journal(storage, plan)
        try:
            with Workers(params.compute, partial(attempt, trainer), search.parallel) as workers:
                trials = run_study(plan, journal, workers)
            chosen = finalists(plan, trials)
            most = len(chosen) * len(search.fresh_seeds)
            with Workers(params.compute, partial(repeat_one, trainer), most) as workers:
                repeats = repeat(plan, chosen, journal, workers)
            best = winner(plan, repeats)
        except DivergedError as error:
            raise DivergedError(f"params.yaml: variants.{variant}: {error}") from None
    study_files.write_trials(folder / "trials.csv", plan, trials)
    study_files.write_curves(folder / "curves.csv", trials)
    study_files.write_repeats(folder / "repeats.csv", repeats)
    study_files.write_timings(folder / "timings.csv", trials)
    study_files.write_summary(folder / "summary.json", plan, trials, best)
    write_plots(folder / "plots", plan, trials)
    return trainer.resolve(trials[best].params)


def identity(params: Experiment, variant: str, data: Path, recipe: Path) -> str:
    """Return a hash of all that decides the trials of a variant's study, but not how many there are."""
    files = [data / "train" / INDEX, data / "validation" / INDEX, data / "dataset.json"]
    files += sorted(path for path in recipe.iterdir() if path.suffix != ".png")
    content = {
        "files": [(path.name, sha256(path)) for path in files],
        "code": [sha256(Path(str(module.__file__))) for module in CODE],
        "versions": [torch.__version__, optuna.__version__],
        "model": params.model.model_dump(),
        "train": params.train.model_dump(),
        "compute": [device(params.compute), params.compute.threads, params.compute.precision],
        "variant": params.variants[variant].model_dump(exclude={"search"}),
        "search": params.searching(variant).model_dump(exclude=BUDGET),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
