"""Types and options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from regbench.layout import DECISIONS, PARAMS, Results

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
raw_option = click.option("--raw", type=FILE, help="Folder or .zip to ingest in place of --data.")
raw_argument = click.argument("raw", type=FILE)
