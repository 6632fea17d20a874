"""Who challenges the champion: chosen on validation images alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regbench.config.params import Params
from regbench.config.retraining import BEST
from regbench.errors import InputError
from regbench.files import read_json


@dataclass(frozen=True)
class Challenger:
    """One trained network of the pipeline."""

    variant: str
    seed: int
    folder: Path
    """Where it is saved."""
    validation_accuracy: float


def choose(params: Params, runs: Path) -> Challenger:
    """Return the seed with the best validation accuracy of `retrain.challenger`; `best`: of the best mean over seeds.

    Of equals the first, in the order of `params.yaml`. A run whose accuracy is not finite is never chosen.

    Raises:
        InputError: a run is missing, or none has a finite accuracy.
    """
    named = params.retrain.challenger
    names = params.names if named == BEST else (named,)
    candidates = [[_read(runs, name, seed) for seed in params.seeds] for name in names]
    usable = [variant for variant in candidates if all(np.isfinite(c.validation_accuracy) for c in variant)]
    if not usable:
        raise InputError(f"{runs}: no variant has a finite validation accuracy: lower train.learning_rate")
    best = max(usable, key=lambda variant: float(np.mean([c.validation_accuracy for c in variant])))
    return max(best, key=lambda chosen: chosen.validation_accuracy)


def _read(runs: Path, variant: str, seed: int) -> Challenger:
    folder = runs / variant / f"seed-{seed}"
    try:
        return Challenger(variant, seed, folder, float(read_json(folder / "result.json")["validation_accuracy"]))
    except FileNotFoundError:
        raise InputError(f"{folder / 'result.json'}: no such file: run `make repro` first") from None
