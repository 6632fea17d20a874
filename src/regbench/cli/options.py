"""Types, options and the choice of variants that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regbench.layout import DECISIONS, PARAMS, Results

if TYPE_CHECKING:
    from regbench.config.params import Params

FILE = click.Path(path_type=Path)
"""A path as the library takes it, which says itself what is wrong with one."""
Command = TypeVar("Command", bound=Callable[..., Any])


def path_option(name: str, default: Path, text: str) -> Callable[[Command], Command]:
    """Return an option for a path that has a default."""
    return click.option(name, type=FILE, default=default, show_default=True, help=text)


def out_option(default: str) -> Callable[[Command], Command]:
    """Return the option for a protocol's folder."""
    return path_option("--out", Path(default), "Folder of tables and runs; finished trainings in it are reused.")


params_option = path_option("--params", PARAMS, "Parameter file.")
decisions_option = path_option("--decisions", DECISIONS, "Folder of the decision log.")
data_option = path_option("--data", Results.data, "Ingested splits.")
tuned_option = path_option("--tuned", Results.tuned, "Folder of the values that the stage tune chose.")
variants_option = click.option(
    "--variant",
    "variants",
    multiple=True,
    help="Variant to compare; repeatable; default: all without ranges, and all whose ranges were searched.",
)
raw_option = click.option("--raw", type=FILE, help="Folder or .zip to ingest in place of --data.")
raw_argument = click.argument("raw", type=FILE)


def choose_variants(params: Path, variants: tuple[str, ...], tuned: Path) -> "Params":
    """Load parameters with the variants to compare; print which are left out, since no search set their ranges."""
    from regbench.config.checking import load_params
    from regbench.protocols.protocol import select_variants

    settings, left_out = select_variants(load_params(params), variants, tuned)
    for name in left_out:
        click.echo(f"{name}: left out: {tuned / name}.json is not there: run `dvc repro tune`", err=True)
    return settings
