"""Compare the evaluated variants: tables, picture and pages, and the table on the terminal."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.report.page import write_reports
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("data", type=Path, help="report.json of the ingested data")
    arguments.add_argument("evaluation", type=Path, help="folder of predictions and scores")
    arguments.add_argument("runs", type=Path, help="folder of all variants' runs")
    arguments.add_argument("timings", type=Path, help="folder of the seconds that each epoch took")
    arguments.add_argument("out", type=Path, help="folder of the reports")
    given = arguments.parse_args()
    print(write_reports(load_params(given.params), given.data, given.evaluation, given.runs, given.timings, given.out))


if __name__ == "__main__":
    run(main)
