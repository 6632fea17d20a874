"""Train the missing networks of ensembles with all other runs, then combine them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from regbench.config.experiment import Experiment
from regbench.engine.ensemble_spec import EnsembleSpec
from regbench.engine.experiment_spec import libraries
from regbench.engine.run import Engine, Training, run_all, train_runs
from regbench.engine.spec import TrainingSpec
from regbench.engine.tasks import RUNS
from regbench.runtime.code_identity import identity_of

CODE = "regbench.engine.ensemble_run"
"""The module whose code, with all that it imports, decides what an ensemble gives."""


@dataclass(frozen=True)
class EnsembleTask:
    """One ensemble to build from networks in the store."""

    label: str
    spec: EnsembleSpec
    seed: int
    data: Path
    """Folder of the ingested splits."""
    store: Path

    @property
    def name(self) -> str:
        """Name of its entry in the store."""
        return self.spec.run(self.seed)


def train_all(
    engine: Engine, experiment: Experiment, trainings: Sequence[Training], data: Path, live: Path
) -> dict[str, TrainingSpec | EnsembleSpec]:
    """Train each variant under each seed, and build each ensemble; return all specs by name.

    Results in the store are reused. Arguments are as for `regbench.engine.run.train_runs`.

    Raises:
        DivergedError: losses are no longer finite: a line each, after all other runs were trained.
        InputError: the validation images are too few for stacking.
    """
    variants = {training.label: training for training in trainings}
    specs = {name: _ensemble_spec(engine, experiment, name, variants) for name in experiment.ensembles}
    wanted = [
        EnsembleTask(name, spec, seed, data, engine.store.root)
        for name, spec in specs.items()
        for seed in experiment.seeds
    ]
    missing = {task.name: task for task in wanted if engine.store.find(RUNS, task.name) is None}
    runs = [(training, seed) for seed in experiment.seeds for training in trainings]
    members = [run for task in missing.values() for run in _member_runs(experiment, variants, task)]
    train_runs(engine, [*runs, *members], data, live, [engine.store.place(RUNS, task.name) for task in wanted])
    if missing:
        print(f"ensembles: {len(wanted)} needed, {len(missing)} to put together", flush=True)
        run_all(engine, assemble, missing, "ensembles")
    return {name: training.spec for name, training in variants.items()} | specs


def assemble(task: EnsembleTask) -> None:
    """Build one ensemble and add it to the store; runs in a worker."""
    from regbench.engine.stored_ensemble import assemble_into_store  # imports torch

    assemble_into_store(task)


def _ensemble_spec(engine: Engine, experiment: Experiment, name: str, variants: Mapping[str, Training]) -> EnsembleSpec:
    ensemble = experiment.ensembles[name]
    specs = [variants[variant].spec for variant in ensemble.of]
    if ensemble.method == "bagging":
        specs = [replace(specs[0], bootstrap=True)] * ensemble.networks
    elif ensemble.method == "boosting":
        specs = list(replace(specs[0], boosting=ensemble.networks).rounds)
    used = {library for variant in ensemble.of for library in libraries(experiment.network(variant))}
    versions = ", ".join(f"{library} {version(library)}" for library in sorted({*used, "scikit-learn"}))
    return EnsembleSpec(ensemble.method, tuple(specs), engine.hardware, specs[0].data, identity_of(CODE), versions)


def _member_runs(
    experiment: Experiment, variants: Mapping[str, Training], task: EnsembleTask
) -> list[tuple[Training, int]]:
    """Return the training and seed of each network; of boosting the last round, which trains those before it."""
    ensemble = experiment.ensembles[task.label]
    runs = task.spec.runs(task.seed)
    ends = runs[-1:] if ensemble.method == "boosting" else runs
    of = ensemble.of if ensemble.method == "stacking" else ensemble.of * len(ends)
    return [(replace(variants[name], spec=spec), seed) for name, (spec, seed) in zip(of, ends, strict=True)]
