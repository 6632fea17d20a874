"""Trains a run and stores it."""

import csv
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.engine.live import live_file, report_live
from regbench.engine.store import Store
from regbench.engine.tasks import HISTORY, RESULT, RUNS, SPEC, TIMINGS, TrainingTask
from regbench.engine.training_run import end_round, load_training_data, save_network, train_network
from regbench.errors import DivergedError, IntegrityError, reason_of
from regbench.files import write_csv, write_json
from regbench.networks.classifier import Classifier
from regbench.runtime.machine import peak_megabytes, processor, software
from regbench.training.boosting import read_weights
from regbench.training.fit import FitResult
from regbench.training.history import EpochRecord


def train_into_store(task: TrainingTask, on_epoch: Callable[[EpochRecord], None]) -> Path:
    """Execute a task, see `regbench.engine.tasks.run_training`.

    A round of boosting first trains the earlier rounds that are not in the store. If one of them is the last, its entry
    is returned.
    """
    store = Store(task.store)
    if found := store.find(RUNS, task.name):
        for record in read_history(found):
            on_epoch(record)
        return found
    weights = None
    if task.spec.boosting > 1:
        earlier = train_into_store(replace(task, spec=task.spec.rounds[-2]), lambda record: None)
        weights = read_weights(earlier)
        if weights is None:
            return earlier
    network, result, peaks = _train(task, store.checkpoint(task.name), on_epoch, weights)
    data = load_training_data(task.data, task.augmentation)
    with store.write(RUNS, task.name) as folder:
        summary = save_network(folder, network, result, data, task.spec, task.seed)
        write_json(folder / RESULT, summary)
        write_csv(folder / HISTORY, pd.DataFrame([asdict(record) for record in result.history]))
        write_json(folder / SPEC, task.spec.content)
        write_csv(folder / TIMINGS, _timings(result, peaks))
        if task.spec.boosting:
            end_round(network, data, weights, task.spec.boosting == 1).write(folder)
    store.checkpoint(task.name).unlink(missing_ok=True)
    return store.place(RUNS, task.name)


def read_history(folder: Path) -> list[EpochRecord]:
    """Return the epochs of a finished run, to the bit.

    Raises:
        IntegrityError: the file is missing, or is no history.
    """
    names = [field.name for field in fields(EpochRecord) if field.name != "epoch"]
    try:
        with (folder / HISTORY).open(encoding="utf-8", newline="") as file:
            # An empty cell is the loss of a split without images.
            return [
                EpochRecord(epoch=int(row["epoch"]), **{name: float(row[name] or "nan") for name in names})
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise IntegrityError(
            f"{folder / HISTORY}: not a training's history ({reason_of(error)}): remove {folder}, then `dvc repro`"
        ) from None


def _train(
    task: TrainingTask,
    checkpoint: Path,
    on_epoch: Callable[[EpochRecord], None],
    weights: NDArray[np.float64] | None,
) -> tuple[Classifier, FitResult, list[float]]:
    """Train and return the network, its history, and the most megabytes held so far after each epoch."""
    peaks: list[float] = []
    path = task.live and live_file(task.live, task.shown, task.seed)
    with report_live(path, task.shown, task.seed, task.spec.train.epochs) as show:

        def follow(record: EpochRecord) -> None:
            show(record)
            peaks.append(peak_megabytes())
            on_epoch(record)

        def resume(records: list[EpochRecord]) -> None:
            for record in records:
                follow(record)

        data = load_training_data(task.data, task.augmentation)
        try:
            network, result = train_network(
                task.spec, data, task.seed, follow, checkpoint, task.checkpoint_epochs, resume, weights
            )
        except DivergedError as error:
            raise DivergedError(f"variants.{task.shown}, {error}") from None
    return network, result, peaks


def _timings(result: FitResult, peaks: list[float]) -> pd.DataFrame:
    rows = [
        {"epoch": epoch, "wall_seconds": wall, "cpu_seconds": cpu, "peak_megabytes": peak}
        for epoch, ((wall, cpu), peak) in enumerate(zip(result.seconds, peaks, strict=True))
    ]
    # Seconds say little without the machine; results must not depend on its name, so it is stored here.
    return pd.DataFrame(rows).assign(processor=processor(), software=software())
