"""Put the previous champion back, with a record of its own; a command of its own, not part of the pipeline."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stages import run

if TYPE_CHECKING:
    from regbench.retraining.paths import Place

FOLDERS = {
    "data": "ingested splits and their report",
    "tuned": "variants as the stage tune resolved them",
    "studies": "what the stage tune made of the searches",
    "runs": "all variants' runs",
    "timings": "seconds that epochs took",
    "evaluation": "predictions and scores",
    "reports": "the comparison",
}
"""Field of `Results` -> what the folder holds."""


def retraining_parser(
    description: str | None, formatter: type[argparse.HelpFormatter] = argparse.HelpFormatter
) -> argparse.ArgumentParser:
    """Return a parser of what `retrain` and `rollback` share."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=formatter)
    for name, content in FOLDERS.items():
        arguments.add_argument(name, type=Path, help=f"folder of {content}")
    arguments.add_argument("decisions", type=Path, help="folder of the decision log and its page")
    arguments.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    arguments.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for another job; default: 0")
    return arguments


def place(given: argparse.Namespace) -> "Place":
    """Return the paths that were given."""
    from regbench.layout import Results
    from regbench.retraining.paths import Place

    return Place(given.params, Results(**{name: getattr(given, name) for name in FOLDERS}), given.decisions)


def main() -> None:
    arguments = retraining_parser(__doc__)
    arguments.add_argument("--reason", default="Taken back by hand.", help="a sentence for the record")
    given = arguments.parse_args()

    from regbench.retraining.rollback import roll_back
    from regbench.retraining.wording import heading

    record = roll_back(place(given), given.reason, given.wait)
    print(f"{record.outcome}: {heading(record)}")


if __name__ == "__main__":
    run(main)
