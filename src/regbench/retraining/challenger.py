"""Chooses the challenger, by validation accuracy alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regbench.config.params import Params
from regbench.config.retraining import BEST
from regbench.errors import InputError, IntegrityError, reason_of
from regbench.files import read_json


@dataclass(frozen=True)
class Challenger:
    """One trained network of the pipeline."""

    variant: str
    seed: int
    folder: Path
    """Folder that it is saved in."""
    validation_accuracy: float


def choose(params: Params, runs: Path) -> Challenger:
    """Return the seed with the best validation accuracy of the variant `retrain.challenger`.

    `best` names the variant with the best mean over seeds. Ties: the first in the order of `params.yaml`. A variant
    with an accuracy outside 0 to 1 is never chosen: NaN, infinity, or the largest double (MLflow stores infinity so).

    Raises:
        InputError: a run is missing, or no variant has such accuracies.
        IntegrityError: a result has no accuracy.
    """
    named = params.retrain.challenger
    names = params.names if named == BEST else (named,)
    candidates = [[_read(runs, name, seed) for seed in params.seeds] for name in names]
    usable = [variant for variant in candidates if all(0 <= c.validation_accuracy <= 1 for c in variant)]
    if not usable:
        raise InputError(f"{runs}: no variant has validation accuracies from 0 to 1: lower train.learning_rate")
    best = max(usable, key=lambda variant: float(np.mean([c.validation_accuracy for c in variant])))
    return max(best, key=lambda chosen: chosen.validation_accuracy)


def _read(runs: Path, variant: str, seed: int) -> Challenger:
    folder = runs / variant / f"seed-{seed}"
    result = folder / "result.json"
    try:
        return Challenger(variant, seed, folder, float(read_json(result)["validation_accuracy"]))
    except FileNotFoundError:
        raise InputError(f"{result}: no such file: run `make repro` first") from None
    except (ValueError, TypeError, KeyError) as error:
        raise IntegrityError(
            f"{result}: validation_accuracy: not a number ({reason_of(error)}): run `dvc repro --force train`"
        ) from None
