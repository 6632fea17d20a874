"""Errors of a protocol's networks on splits other than the one that they are compared on."""

from pathlib import Path

import numpy as np

from regbench.config.params import Params
from regbench.data.dataset import SplitName, load_split
from regbench.engine.run import open_engine
from regbench.evaluation.tasks import PROBABILITIES, EvaluationTask, evaluate_missing
from regbench.files import read_array
from regbench.layout import STORE
from regbench.statistics.intervals import Interval, accuracy_interval
from regbench.statistics.units import Units


def split_errors(
    params: Params, data: Path, runs: Path, splits: tuple[SplitName, ...], store: Path = STORE
) -> dict[tuple[str, SplitName], Interval]:
    """Return the error of each variant on each split, in percent, with its interval over seeds and images.

    `runs` holds the networks of all variants and seeds. Earlier evaluations are reused. The error is the one that
    `evaluate.score` names.
    """
    pairs = [(name, split) for name in params.names for split in splits]
    with open_engine(params.compute, store) as engine:
        tasks = [
            EvaluationTask(runs / name / f"seed-{seed}", data, split, 0, engine.hardware, store)
            for name, split in pairs
            for seed in params.seeds
        ]
        entries = iter(evaluate_missing(engine, tasks, quiet=True))
        probabilities = {
            pair: np.stack([read_array(next(entries) / PROBABILITIES) for _ in params.seeds]) for pair in pairs
        }
    found = {}
    for split in splits:
        loaded = load_split(data, split)
        units = Units.of(loaded.labels, loaded.groups or None, params.evaluate.score)
        for name in params.names:
            cells = units.cells(probabilities[name, split].argmax(2) == loaded.labels)
            accuracy = accuracy_interval(cells, params.evaluate.confidence)
            found[name, split] = Interval(*(100 * (1 - end) for end in (accuracy.mean, accuracy.high, accuracy.low)))
    return found
