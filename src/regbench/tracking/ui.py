"""Opens the comparison in MLflow's pages."""

import signal
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

from regbench.errors import TrackingError
from regbench.tracking.pages import charts_page, runs_page, table_page
from regbench.tracking.receipt import Receipt
from regbench.tracking.server import HOST, serve
from regbench.tracking.store import find_store


def show_comparison(port: int) -> None:
    """Print the addresses of the comparison's pages; serve them until Ctrl-C, unless a server has the store.

    Raises:
        InputError: another program has the port.
        TrackingError: nothing is logged yet, or the server does not start.
    """
    store = find_store(Path.cwd())
    receipt = Receipt.read(store)
    if not receipt.variants:
        raise TrackingError(f"{store.shown}: holds no results of this project: run `regbench sync` first")
    # A plain `kill` stops the server too; and shells start background jobs with Ctrl-C ignored.
    for order in (signal.SIGINT, signal.SIGTERM):
        signal.signal(order, signal.default_int_handler)
    if not store.served:
        print(f"Starting MLflow on {HOST}:{port}, about 15 seconds ...", file=sys.stderr, flush=True)
    with nullcontext(store.shown) if store.served else serve(store, port) as server:
        print(f"Charts of all variants: {charts_page(server, receipt.experiment, receipt.comparison)}")
        print(f"Table, best first:      {runs_page(server, receipt.experiment, receipt.comparison)}")
        print(f"Side by side:           {table_page(server, receipt.experiment, receipt.variants)}", flush=True)
        if not store.served:
            print("Ctrl-C stops the server.", file=sys.stderr, flush=True)
            with suppress(KeyboardInterrupt):
                signal.pause()
