"""Log missing results to MLflow; a failure of the store never stops the pipeline, it is only printed."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from regbench.layout import PARAMS, Results
from regbench.tracking.project_sync import sync_project
from stages import run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the ingested splits and their report")
    parser.add_argument("tuned", type=Path, help="folder of the variants as the stage tune resolved them")
    parser.add_argument("studies", type=Path, help="folder of what the stage tune made of the searches")
    parser.add_argument("runs", type=Path, help="folder of all variants' runs")
    parser.add_argument("timings", type=Path, help="folder of the seconds that epochs took")
    parser.add_argument("evaluation", type=Path, help="folder of predictions and scores")
    parser.add_argument("reports", type=Path, help="folder of the comparison")
    parser.add_argument("--params", type=Path, default=PARAMS)
    given = vars(parser.parse_args(arguments))
    sync_project(given.pop("params"), Results(**given))


if __name__ == "__main__":
    run(main)
