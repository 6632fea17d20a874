"""Commands for searches."""

import click

from regbench.layout import TRIALS


@click.command()
@click.option("--port", type=int, default=8080, show_default=True, help="Port on 127.0.0.1.")
def dashboard(port: int) -> None:
    """Open all searches in optuna-dashboard, until Ctrl-C."""
    from regbench.search.dashboard import show_dashboard

    show_dashboard(TRIALS, port)
