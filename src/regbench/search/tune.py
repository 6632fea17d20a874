"""The stage `tune`: searches the ranges of every variant, and writes variants with numbers only."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.trial import FrozenTrial

from regbench.config.experiment import SearchedExperiment
from regbench.config.tuned import read_tuned, write_tuned
from regbench.data.dataset import data_digest
from regbench.engine.augment import read_digest
from regbench.engine.experiment_spec import CODE as TRAINING_CODE
from regbench.engine.experiment_spec import libraries, weights_digest
from regbench.engine.run import Engine
from regbench.engine.store import keep_only
from regbench.errors import DivergedError, IntegrityError
from regbench.files import digest, read_json
from regbench.networks.own import own_code
from regbench.runtime.code_identity import identity_of
from regbench.search import study_files
from regbench.search.journal import Journal
from regbench.search.objective import TrialObjective
from regbench.search.plan import Plan
from regbench.search.plots import write_plots
from regbench.search.study import run_study
from regbench.search.trainer import Trainer
from regbench.search.winner import Repeat, finalists, repeat, winner

SUMMARY = "summary.json"
BUDGET = {"trials", "per", "top_k", "fresh_seeds"}
"""Keys of `search` that may change between two runs of a study."""
SEARCH_CODE = ("regbench.search.objective", "regbench.search.study", "regbench.search.winner")
"""The modules whose code, with all that they import, decides trials and winners."""


@dataclass(frozen=True)
class Found:
    """What a search came to."""

    trials: list[FrozenTrial]
    repeats: list[Repeat]
    winner: int
    """Number of the winning trial."""


def tune(
    engine: Engine,
    experiment: SearchedExperiment,
    data: Path,
    augmented: Path,
    tuned: Path,
    studies: Path,
    journal: Path,
) -> None:
    """Search the ranges of all variants; write `tuned/VARIANT.json`, and `studies/VARIANT` where there are ranges.

    Studies are searched side by side, equal ones once. Trials that the journal holds are not run again, nor are
    searches whose results are there. Files of other variants go.

    Raises:
        DivergedError: no trial of a study was complete, or every finalist diverged: a line each, after all others.
        IntegrityError: the journal cannot be read.
    """
    plans = {}
    for name, variant in experiment.variants.items():
        if variant.ranges:
            trainer = make_trainer(engine, experiment, name, data, augmented)
            plans[name] = trainer, plan_study(trainer)
        else:
            write_tuned(tuned / f"{name}.json", experiment.strengths(name))
    keep_only(tuned, [f"{name}.json" for name in experiment.variants])
    keep_only(studies, plans)
    waiting = {
        name: plan
        for name, (trainer, plan) in plans.items()
        if not _is_done(trainer, plan, tuned / f"{name}.json", studies)
    }
    equal: dict[str, list[str]] = {}
    for name, plan in waiting.items():
        equal.setdefault(_key(plan), []).append(name)
    found_before = len(plans) - len(waiting)
    print(f"tune: {len(plans)} studies needed, {found_before} found, {len(equal)} to search", flush=True)
    failures: dict[str, str] = {}

    def write(key: str, found: Found | DivergedError) -> None:
        for name in equal[key]:
            if isinstance(found, DivergedError):
                failures[name] = f"params.yaml: variants.{name}: {found}"
                continue
            write_study(studies / name, waiting[name], found)
            write_tuned(tuned / f"{name}.json", plans[name][0].resolve(found.trials[found.winner].params))

    _search([plans[names[0]] for names in equal.values()], engine, journal, write)
    if failures:
        raise DivergedError("\n".join(failures[name] for name in waiting if name in failures))


def make_trainer(engine: Engine, experiment: SearchedExperiment, variant: str, data: Path, augmented: Path) -> Trainer:
    """Return what trains the trials of a variant."""
    augmentation = augmented / experiment.variants[variant].recipe
    return Trainer(
        experiment,
        variant,
        engine.hardware,
        data,
        data_digest(data),
        augmentation,
        read_digest(augmentation),
        engine.store.root,
    )


def plan_study(trainer: Trainer) -> Plan:
    """Return the plan of a variant's study."""
    experiment, name = trainer.experiment, trainer.variant
    search, model = experiment.searching(name), experiment.network(name)
    content = {
        "data": trainer.data_digest,
        "augmentation": trainer.augmentation_digest,
        "code": [identity_of(module) for module in (TRAINING_CODE, *SEARCH_CODE)],
        "versions": [version(library) for library in (*libraries(model), "optuna")],
        "model": model.model_dump(),
        "own_code": own_code(model.network),
        "weights": weights_digest(model.weights),
        "train": experiment.train.model_dump(),
        "hardware": asdict(trainer.hardware),
        "variant": experiment.variants[name].model_dump(exclude={"search", "recipe", "model"}),
        "search": search.model_dump(exclude=BUDGET),
    }
    return Plan(name, digest(content), experiment.variants[name].ranges, search, trainer.length)


def write_study(folder: Path, plan: Plan, found: Found) -> None:
    """Write tables, summary and plots of a study."""
    study_files.write_trials(folder / "trials.csv", plan, found.trials)
    study_files.write_curves(folder / "curves.csv", found.trials)
    study_files.write_repeats(folder / "repeats.csv", found.repeats)
    study_files.write_timings(folder / "timings.csv", found.trials)
    study_files.write_summary(folder / SUMMARY, plan, found.trials, found.winner)
    write_plots(folder / "plots", plan, found.trials)


def _is_done(trainer: Trainer, plan: Plan, tuned: Path, studies: Path) -> bool:
    """Return whether the results of a search are there, with all that is asked of it now."""
    summary = studies / plan.label / SUMMARY
    if not (tuned.is_file() and summary.is_file()):
        return False
    found = read_json(summary)
    if found["digest"] != plan.digest or found["search"] != plan.search.model_dump(mode="json"):
        return False
    try:
        chosen = read_tuned(tuned)
    except IntegrityError:
        return False
    values = chosen.model_dump(exclude={"train"}) | {f"train.{key}": value for key, value in chosen.train.items()}
    # The values were chosen, but the rest of the variant may be another one, such as the name of its recipe.
    return plan.space.keys() <= values.keys() and trainer.resolve(values) == chosen


def _key(plan: Plan) -> str:
    """Return what equal searches have in common: trials, their number, and how the winner is chosen."""
    return digest([plan.digest, plan.search.model_dump(mode="json")])


def _search(
    plans: Sequence[tuple[Trainer, Plan]],
    engine: Engine,
    path: Path,
    write: Callable[[str, Found | DivergedError], None],
) -> None:
    """Run studies side by side on the engine's workers; call `write` with the `_key` and result of each that ends.

    A study is written while others are searched, so that workers do not wait for its plots. Studies of the same trials
    with other budgets run one after the other: the second one continues the first.
    """
    groups: dict[str, list[tuple[Trainer, Plan]]] = {}
    for trainer, plan in plans:
        groups.setdefault(plan.digest, []).append((trainer, plan))

    async def search(trainer: Trainer, plan: Plan) -> Found | DivergedError:
        journal = Journal(path, plan)
        try:
            trials = await run_study(plan, journal, engine.executor, TrialObjective(trainer))
            repeats = await repeat(plan, finalists(plan, trials), journal, engine.executor, trainer)
            return Found(trials, repeats, winner(plan, repeats))
        except DivergedError as error:
            return error

    async def search_group(group: Sequence[tuple[Trainer, Plan]]) -> None:
        for trainer, plan in group:
            write(_key(plan), await search(trainer, plan))

    async def search_all() -> None:
        asyncio.get_running_loop().set_exception_handler(_report)
        await asyncio.gather(*(search_group(group) for group in groups.values()))

    path.parent.mkdir(parents=True, exist_ok=True)
    # Two searches of one study at once would try the same trials; the second waits, and then finds them.
    with FileLock(path.with_suffix(".lock")):
        asyncio.run(search_all())


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Leave out the trials that failed beside the one whose exception ends the search, as all do of a broken pool."""
    if "future" not in context:
        loop.default_exception_handler(context)
