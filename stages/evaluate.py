"""Evaluate every run on the locked test split: the only stage that opens it."""

import argparse
from pathlib import Path

from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the ingested splits")
    parser.add_argument("runs", type=Path, help="folder of all variants' runs")
    parser.add_argument("out", type=Path, help="folder of predictions and scores")
    parser.add_argument("metrics", type=Path, help="folder of a few numbers a variant, for `dvc metrics show`")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    arguments = parser.parse_args()

    from regbench.evaluation import evaluate_all
    from regbench.params import load_params

    evaluate_all(load_params(arguments.params), arguments.data, arguments.runs, arguments.out, arguments.metrics)


if __name__ == "__main__":
    run(main)
