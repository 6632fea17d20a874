"""Search the ranges of all variants; a variant without ranges is passed on as it is."""

from pathlib import Path

from regbench.config.experiment import SearchedExperiment
from regbench.config.loading import load_sections
from regbench.config.tuned import write_tuned
from regbench.engine.local import prepare_workers
from regbench.engine.store import keep_only
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("augmented", type=Path, help="folder of the augmentations")
    arguments.add_argument("out", type=Path, help="folder with a JSON file per variant, with numbers instead of ranges")
    arguments.add_argument("studies", type=Path, help="folder of the studies' tables, summaries and plots")
    arguments.add_argument("journal", type=Path, help="Optuna's journal of all studies; outlives the stage")
    given = arguments.parse_args()
    experiment = load_sections(given.params, SearchedExperiment)
    if any(variant.ranges for variant in experiment.variants.values()):
        prepare_workers(experiment.compute, "regbench.search.study", "regbench.search.trainer")
        from regbench.engine.run import open_engine
        from regbench.search.tune import tune  # optuna and matplotlib take seconds to load

        with open_engine(experiment.compute) as engine:
            tune(engine, experiment, given.data, given.augmented, given.out, given.studies, given.journal)
        return
    for name in experiment.variants:
        write_tuned(given.out / f"{name}.json", experiment.strengths(name))
    keep_only(given.out, [f"{name}.json" for name in experiment.variants])
    given.studies.mkdir(exist_ok=True)
    keep_only(given.studies, ())


if __name__ == "__main__":
    run(main)
