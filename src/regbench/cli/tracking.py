"""Commands for MLflow."""

from pathlib import Path

import click

from regbench.cli.options import params_option, path_option, tuned_option
from regbench.layout import LIVE, Results


@click.command()
@click.option("--port", type=int, default=5000, show_default=True, help="Port on 127.0.0.1.")
def ui(port: int) -> None:
    """Open the comparison in MLflow.

    Prints the addresses of its pages. Starts MLflow's server and stops it on Ctrl-C, unless MLFLOW_TRACKING_URI names a
    server that runs already.
    """
    from regbench.tracking.ui import show_comparison

    show_comparison(port)


@click.command()
@params_option
def sync(params: Path) -> None:
    """Log missing results to MLflow.

    The store is mlflow.db, or what MLFLOW_TRACKING_URI names.
    """
    from regbench.tracking.project_sync import sync_project

    sync_project(params, Results(), strict=True)


@click.command()
@path_option("--live", LIVE, "Folder of the files that trainings write.")
@click.option("--seconds", type=float, default=2, show_default=True, help="Seconds between two updates.")
@params_option
def watch(live: Path, seconds: float, params: Path) -> None:
    """Show running trainings in MLflow.

    Logs each epoch as it ends, until Ctrl-C.
    """
    from regbench.tracking.watch import watch_trainings

    watch_trainings(params, live, seconds)


@click.command()
@click.argument("run_id")
@tuned_option
@params_option
def show(run_id: str, tuned: Path, params: Path) -> None:
    """Print how to repeat an MLflow run.

    RUN_ID is on the run's page in MLflow. Also prints what has changed since.
    """
    from regbench.tracking.show import describe_run

    click.echo(describe_run(run_id, params, tuned))
