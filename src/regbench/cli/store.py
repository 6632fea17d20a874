"""The command that prunes the store of finished trainings."""

from pathlib import Path

import click

from regbench.cli.options import params_option


@click.command()
@params_option
@click.option(
    "--gigabytes",
    type=click.FloatRange(min=0),
    help="Size to cut back to; default: compute.store_gigabytes; 0: empty it.",
)
def clean(params: Path, gigabytes: float | None) -> None:
    """Delete the least recently used stored trainings.

    Results in runs/, tuned/ and augmented/ stay. What is deleted is trained again if you go back to earlier
    hyperparameters.
    """
    from regbench.config.compute import ComputeSections
    from regbench.config.loading import load_sections
    from regbench.engine.store import Store, size_of
    from regbench.layout import STORE

    limit = load_sections(params, ComputeSections).compute.store_gigabytes if gigabytes is None else gigabytes
    store = Store(STORE)
    found = len(store.entries())
    removed = store.prune(1e9 * limit)
    click.echo(f"{STORE}: {removed} of {found} entries deleted, {size_of(STORE) / 1e9:.2f} GB left")
