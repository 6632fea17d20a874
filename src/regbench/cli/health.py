"""Commands that find what is wrong with a project."""

import sys
from pathlib import Path

import click

from regbench.cli.options import decisions_option, params_option


@click.command()
@decisions_option
@params_option
def verify(decisions: Path, params: Path) -> None:
    """Check all results against their hashes.

    Reads data, augmentations, networks, reports and the champion's files, and prints a line for each. Exits with 6 if
    anything is not as it was recorded. Changes nothing.
    """
    from regbench.errors import IntegrityError
    from regbench.health.verify import verify
    from regbench.retraining.paths import JobPaths

    well = True
    for finding in verify(JobPaths(params, decisions=decisions)):
        click.echo(str(finding))
        well &= finding.well
    sys.exit(0 if well else IntegrityError.exit_code)


@click.command()
@decisions_option
@params_option
def doctor(decisions: Path, params: Path) -> None:
    """Say what is wrong with this project, and the cure.

    Checks the installation, disk, locks, unfinished work, incomplete files, git and DVC, in seconds. Exits with 0 if
    nothing is wrong, else with 1. Changes nothing.
    """
    from regbench.health.doctor import examine
    from regbench.retraining.paths import JobPaths

    well = True
    for finding in examine(JobPaths(params, decisions=decisions)):
        click.echo(str(finding))
        well &= finding.well
    sys.exit(0 if well else 1)
