"""The stage `train`: trains every variant under every seed, on the outputs of earlier stages."""

from pathlib import Path

from regbench.config.experiment import Experiment
from regbench.data.dataset import data_digest
from regbench.engine.augment import read_digest
from regbench.engine.ensembles import train_all
from regbench.engine.experiment_spec import training_spec
from regbench.engine.results import adopt_results, write_results
from regbench.engine.run import Engine, Training


def train_variants(
    engine: Engine, experiment: Experiment, data: Path, augmented: Path, runs: Path, timings: Path, live: Path
) -> None:
    """Train the missing runs of an experiment without ranges; `runs` and `timings` then hold only its runs.

    Raises:
        DivergedError: losses are no longer finite: a line each, after all other runs were trained.
        InputError: a split has no images, or a variant has ranges left.
    """
    adopt_results(engine.store, runs, timings)
    images = data_digest(data)
    trainings = []
    for name, variant in experiment.variants.items():
        place = augmented / variant.recipe
        trainings.append(
            Training(name, training_spec(experiment, name, engine.hardware, images, read_digest(place)), place)
        )
    specs = train_all(engine, experiment, trainings, data, live)
    write_results(engine.store, specs, experiment.seeds, runs, timings)
