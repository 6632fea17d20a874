"""Copies the runs that `params.yaml` asks for from the store to the folders that DVC keeps, and back."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from regbench.engine.ensemble_spec import EnsembleSpec
from regbench.engine.spec import TrainingSpec
from regbench.engine.store import Store, copy_entry, keep_only
from regbench.engine.tasks import RUNS, SPEC, TIMINGS
from regbench.files import digest, read_json, write_csv


def write_results(
    store: Store,
    specs: Mapping[str, TrainingSpec | EnsembleSpec],
    seeds: Sequence[int],
    runs: Path,
    timings: Path | None = None,
) -> None:
    """Fill `runs/VARIANT/seed-SEED` and `timings/VARIANT.csv` from the store; nothing else is left in these folders."""
    for variant, spec in specs.items():
        entries = {seed: store.place(RUNS, spec.run(seed)) for seed in seeds}
        for seed, entry in entries.items():
            copy_entry(entry, runs / variant / f"seed-{seed}", without=(TIMINGS,))
        keep_only(runs / variant, [f"seed-{seed}" for seed in seeds])
        if timings is not None:
            tables = [pd.read_csv(entry / TIMINGS).assign(seed=seed) for seed, entry in entries.items()]
            table = pd.concat(tables, ignore_index=True)
            write_csv(timings / f"{variant}.csv", table[["seed", *table.columns.drop("seed")]])
    keep_only(runs, specs)
    if timings is not None:
        keep_only(timings, [f"{variant}.csv" for variant in specs])


def adopt_results(store: Store, runs: Path, timings: Path) -> None:
    """Add runs that are in `runs` but not in the store: in a new clone, those from `dvc pull`.

    A run whose spec or timings cannot be read is left out, and so trained again.
    """
    for folder in sorted(runs.glob("*/seed-*")):
        try:
            name = f"{digest(read_json(folder / SPEC))}/{folder.name}"
            if store.find(RUNS, name) is not None:
                continue
            rows = pd.read_csv(timings / f"{folder.parent.name}.csv")
            own = rows[rows["seed"] == int(folder.name.removeprefix("seed-"))]
        except (FileNotFoundError, ValueError, KeyError):  # pandas's own errors are ValueErrors.
            continue
        with store.write(RUNS, name) as entry:
            copy_entry(folder, entry)
            write_csv(entry / TIMINGS, own.drop(columns="seed"))
