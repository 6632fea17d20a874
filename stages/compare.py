"""Compare the evaluated variants: tables, picture and pages, and the table on the terminal."""

from pathlib import Path

from regbench.config.experiment import EvaluatedExperiment
from regbench.config.loading import load_sections
from regbench.config.tuned import with_tuned
from regbench.report.page import write_reports
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("tuned", type=Path, help="folder of the variants as the stage tune resolved them")
    arguments.add_argument("data", type=Path, help="report.json of the ingested data")
    arguments.add_argument("evaluation", type=Path, help="folder of predictions and scores")
    arguments.add_argument("runs", type=Path, help="folder of all variants' runs")
    arguments.add_argument("timings", type=Path, help="folder of the seconds that each epoch took")
    arguments.add_argument("out", type=Path, help="folder of the reports")
    given = arguments.parse_args()
    # A searched variant counts as complex only by what is on after the search.
    experiment = with_tuned(load_sections(given.params, EvaluatedExperiment), given.tuned)
    print(write_reports(experiment, given.data, given.evaluation, given.runs, given.timings, given.out))


if __name__ == "__main__":
    run(main)
