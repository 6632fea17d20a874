"""Show the comparison in MLflow: start its server if the store has none, and print the pages' addresses."""

import argparse
import signal
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5000)
    options = parser.parse_args()

    from regbench.errors import TrackingError
    from regbench.tracking.pages import charts_page, runs_page, table_page
    from regbench.tracking.receipt import Receipt
    from regbench.tracking.server import HOST, serve
    from regbench.tracking.store import find_store

    store = find_store(Path.cwd())
    receipt = Receipt.read(store)
    if not receipt.variants:
        raise TrackingError(f"{store.shown}: holds no results of this project: run `make sync` first")
    # A plain `kill` stops the server too; and shells start background jobs with Ctrl-C ignored.
    for order in (signal.SIGINT, signal.SIGTERM):
        signal.signal(order, signal.default_int_handler)
    if not store.served:
        print(f"Starting MLflow on {HOST}:{options.port}, about 15 seconds ...", file=sys.stderr, flush=True)
    with nullcontext(store.shown) if store.served else serve(store, options.port) as server:
        print(f"Charts of all variants: {charts_page(server, receipt.experiment, receipt.comparison)}")
        print(f"Table, best first:      {runs_page(server, receipt.experiment, receipt.comparison)}")
        print(f"Side by side:           {table_page(server, receipt.experiment, receipt.variants)}", flush=True)
        if not store.served:
            print("Ctrl-C stops the server.", file=sys.stderr, flush=True)
            with suppress(KeyboardInterrupt):
                signal.pause()


if __name__ == "__main__":
    run(main)
