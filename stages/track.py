"""Log to MLflow what it lacks of the results; never in the way of training: without a server it only says so."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

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
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--strict", action="store_true", help="ask the store even if nothing changed; fail if it fails")
    options = parser.parse_args(arguments)

    from regbench.errors import TrackingError
    from regbench.tracking.receipt import Receipt, fingerprint
    from regbench.tracking.store import find_store

    store = find_store(Path.cwd())
    folders = (
        options.data,
        options.tuned,
        options.studies,
        options.runs,
        options.timings,
        options.evaluation,
        options.reports,
    )
    seen = fingerprint([options.params, *folders])
    if not options.strict and Receipt.read(store).fingerprint == seen:
        return

    from regbench.config.checking import load_params
    from regbench.config.tuned import with_tuned
    from regbench.layout import Results
    from regbench.tracking.sync import bring_up_to_date

    try:
        params = with_tuned(load_params(options.params), options.tuned)
        bring_up_to_date(params, Results(*folders), store, seen, ask=options.strict)
    except TrackingError as error:
        if options.strict:
            raise
        print(error, file=sys.stderr)


if __name__ == "__main__":
    run(main)
