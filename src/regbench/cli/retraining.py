"""Commands that change the champion."""

import sys
from pathlib import Path

import click

from regbench.cli.options import decisions_option, params_option

EXIT_CODES = """\b
Exit codes:
  0   promoted: the challenger is the champion now
  10  kept: the champion stays, and the log says why
  11  nothing new: no data, parameters or code changed since the last decision
  65  rejected: the new data are not fit to be trained on; nothing else was done
  75  already running: another job is under way
  1   failed, for instance because DVC failed
  2   wrong parameters
  3   a training with a NaN or infinite loss
  4   MLflow failed, or a file cannot be written
  6   a file is not what its record says

After a failure the champion is as it was, unless the message says that a decision was made. The next job completes
such a decision."""

wait_option = click.option(
    "--wait",
    type=float,
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="Time to wait for a job that is running.",
)


@click.command(epilog=EXIT_CODES)
@click.option("--force", is_flag=True, help="Train and decide again although nothing is new.")
@click.option("--zero", is_flag=True, help="Exit with 0 also for 'kept' and 'nothing new'.")
@wait_option
@decisions_option
@params_option
def retrain(force: bool, zero: bool, wait: float, decisions: Path, params: Path) -> None:
    """Retrain, and promote the new model if it is better.

    Merges new data, runs the pipeline, and promotes the new model only if it is significantly better than the champion
    on the current test set. A schedule runs this: see docs/retraining.md.
    """
    from regbench.retraining.job import EXIT_CODES, retrain
    from regbench.retraining.paths import JobPaths

    ended = retrain(JobPaths(params, decisions=decisions), force, wait)
    click.echo("\n".join([ended.outcome, *(ended.record.reasons if ended.record else ())]))
    sys.exit(0 if zero else EXIT_CODES[ended.outcome])


@click.command()
@click.option("--reason", default="Rolled back by hand.", show_default=True, help="A sentence for the record.")
@wait_option
@decisions_option
@params_option
def rollback(reason: str, wait: float, decisions: Path, params: Path) -> None:
    """Restore the previous champion, and log this decision."""
    from regbench.retraining.paths import JobPaths
    from regbench.retraining.rollback import roll_back
    from regbench.retraining.wording import heading

    record = roll_back(JobPaths(params, decisions=decisions), reason, wait)
    click.echo(f"{record.outcome}: {heading(record)}")
