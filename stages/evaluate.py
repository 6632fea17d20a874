"""Evaluate every run on the locked test split: the only stage that opens it."""

from pathlib import Path

from regbench.config.experiment import EvaluatedExperiment
from regbench.config.loading import load_sections
from regbench.engine.local import prepare_workers
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("runs", type=Path, help="folder of all variants' runs")
    arguments.add_argument("out", type=Path, help="folder of predictions and scores")
    arguments.add_argument("metrics", type=Path, help="folder of a few numbers per variant, for `dvc metrics show`")
    given = arguments.parse_args()
    experiment = load_sections(given.params, EvaluatedExperiment)
    prepare_workers(experiment.compute, "regbench.evaluation.run_evaluation")
    from regbench.engine.run import open_engine
    from regbench.evaluation.evaluate import evaluate_all

    with open_engine(experiment.compute) as engine:
        evaluate_all(engine, experiment, given.data, given.runs, given.out, given.metrics)


if __name__ == "__main__":
    run(main)
