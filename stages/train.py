"""Train every variant under every seed; what is trained already is not trained again."""

from pathlib import Path

from regbench.config.experiment import Experiment
from regbench.config.loading import load_sections
from regbench.config.tuned import with_tuned
from regbench.engine.local import prepare_workers
from regbench.layout import LIVE
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("tuned", type=Path, help="folder of the variants as the stage tune resolved them")
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("augmented", type=Path, help="folder of the augmentations")
    arguments.add_argument("out", type=Path, help="folder of all variants' runs")
    arguments.add_argument("timings", type=Path, help="folder with a CSV file per variant: seconds of each epoch")
    arguments.add_argument("--live", type=Path, default=LIVE, help="default: %(default)s, for `regbench watch`")
    given = arguments.parse_args()
    experiment = with_tuned(load_sections(given.params, Experiment), given.tuned)
    prepare_workers(experiment.compute)
    from regbench.engine.pipeline import train_variants
    from regbench.engine.run import open_engine

    with open_engine(experiment.compute) as engine:
        train_variants(engine, experiment, given.data, given.augmented, given.out, given.timings, given.live)


if __name__ == "__main__":
    run(main)
