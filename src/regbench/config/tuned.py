"""Reads and writes variants with the values that the stage `tune` chose."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from regbench.config.experiment import Experiment
from regbench.config.loading import tuples
from regbench.config.variants import Variant
from regbench.errors import IntegrityError, reason_of
from regbench.files import read_json, write_json

E = TypeVar("E", bound=Experiment)


def write_tuned(path: Path, variant: Variant) -> None:
    """Write a variant without ranges; equal variants give equal bytes."""
    write_json(path, variant.model_dump(exclude={"search"}))


def read_tuned(path: Path) -> Variant:
    """Return a written variant.

    Raises:
        IntegrityError: the file is missing, or is no variant.
    """
    try:
        return Variant.model_validate(tuples(read_json(path)))
    except (OSError, ValueError, ValidationError) as error:
        reason = reason_of(error)
        raise IntegrityError(f"{path}: cannot be read: {reason}: run `dvc repro`") from None


def with_tuned(experiment: E, folder: Path) -> E:
    """Return the experiment with every variant as the stage `tune` resolved it.

    Raises:
        IntegrityError: as `read_tuned`.
    """
    return experiment.with_resolved({name: read_tuned(folder / f"{name}.json") for name in experiment.variants})
