"""Compare the evaluated variants: the table on the terminal, then all tables, the picture and the pages."""

from pathlib import Path

from regbench.config.experiment import EvaluatedExperiment
from regbench.config.loading import load_sections
from regbench.config.tuned import with_tuned
from regbench.files import read_json
from regbench.report.comparison import compare
from regbench.report.summary import markdown
from regbench.report.tables import required
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
    data, comparison = required(given.data, read_json), compare(experiment, given.evaluation)
    # Before the pages and pictures, which take seconds.
    print(markdown(comparison, data), flush=True)
    from regbench.report.page import write_reports

    write_reports(experiment, comparison, data, given.evaluation, given.runs, given.timings, given.out)


if __name__ == "__main__":
    run(main)
