"""Compare the evaluated variants: tables, picture and report, and the table on the terminal."""

import argparse
from pathlib import Path

from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="report.json of the ingested data")
    parser.add_argument("evaluation", type=Path, help="folder of predictions and scores")
    parser.add_argument("runs", type=Path, help="folder of all variants' runs")
    parser.add_argument("timings", type=Path, help="folder of the seconds that each epoch took")
    parser.add_argument("out", type=Path, help="folder of the reports")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    arguments = parser.parse_args()

    from regbench.params import load_params
    from regbench.report import write_reports

    out = arguments.out
    params = load_params(arguments.params)
    print(write_reports(params, arguments.data, arguments.evaluation, arguments.runs, arguments.timings, out))


if __name__ == "__main__":
    run(main)
