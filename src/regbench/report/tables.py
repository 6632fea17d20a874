"""Reads tables of earlier stages: learning curves, timings and others."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd

from regbench.config.experiment import EvaluatedExperiment
from regbench.errors import InputError

T = TypeVar("T")


def required(file: Path, read: Callable[[Path], T]) -> T:
    """Return `read(file)`.

    Raises:
        InputError: there is no such file.
    """
    try:
        return read(file)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file: run `dvc repro` to make it") from None


def table(file: Path) -> pd.DataFrame:
    """Read a CSV of numbers."""
    return pd.read_csv(file)


def labelled(file: Path) -> pd.DataFrame:
    """Read a CSV with class labels or file names as text: `007` is not a number, `NA` is not a missing value."""
    text = dict.fromkeys(("filename", "label", "actual", "predicted"), str)
    return pd.read_csv(file, dtype=text, keep_default_na=False)


def read_histories(params: EvaluatedExperiment, runs: Path) -> pd.DataFrame:
    """Return a table with variant, seed, epoch (0-based) and each further column of the runs' histories."""
    tables = [
        required(runs / variant / f"seed-{seed}" / "history.csv", table).assign(variant=variant, seed=seed)
        for variant in params.names
        for seed in params.seeds
    ]
    return pd.concat(tables, ignore_index=True)


def mean_curves(histories: pd.DataFrame) -> pd.DataFrame:
    """Return a table with variant, epoch (0-based), seeds, and the mean over seeds of each further column.

    `seeds` is the number of runs that reached the epoch: where some stop early, the mean is over the remaining runs.
    """
    epochs = histories.drop(columns="seed").groupby(["variant", "epoch"], sort=False)
    mean = epochs.mean()
    mean.insert(0, "seeds", epochs.size())
    return mean.reset_index()


def read_timings(params: EvaluatedExperiment, timings: Path) -> pd.DataFrame:
    """Return variant, seeds, train_wall_seconds, train_cpu_seconds and epochs: means per run, in params' order."""
    rows = []
    for variant in params.names:
        epochs = required(timings / f"{variant}.csv", table)
        runs = epochs[epochs["seed"].isin(params.seeds)].groupby("seed")
        rows.append(
            {
                "variant": variant,
                "seeds": len(runs),
                "train_wall_seconds": runs["wall_seconds"].sum().mean(),
                "train_cpu_seconds": runs["cpu_seconds"].sum().mean(),
                "epochs": runs.size().mean(),
            }
        )
    return pd.DataFrame(rows)
