"""A real race (`regbench decide`) against the full comparison, in which every variant gets the seeds of the last look.

    python -m benchmarks.race_on_data                  # in a project after `dvc repro`: the default data, 24 seeds
    python -m benchmarks.race_on_data --seeds 12

The race runs first, on a store of its own unless `--store` names one; the full comparison reuses its trainings. Prints
a row per variant, and writes them to race_on_data.csv beside this file, or to --out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.files import write_csv
from regbench.layout import PARAMS, Results
from regbench.protocols.decide import write_decisions
from regbench.protocols.protocol import run_protocol, select_variants

HERE = Path(__file__).parent
UNLIMITED = 1e6
"""Minutes."""


def compare_race(params: Params, data: Path, folder: Path, seeds: int, store: Path) -> pd.DataFrame:
    """Return a row per rival: its verdict and seeds in the race, and its verdict in the full comparison.

    `store` must be empty, or hold this comparison's trainings only; `folder` gets the pages of both.
    """
    write_decisions(params, data, folder / "race", UNLIMITED, seeds, store=store)
    raced = pd.read_csv(folder / "race" / "decide.csv").set_index("variant")
    every = range(min(params.seeds), min(params.seeds) + seeds)
    full = run_protocol(params.model_copy(update={"seeds": tuple(every)}), data, folder / "full", store)
    rows = []
    for name, found in full.verdicts.items():
        race = raced.loc[name]
        full_verdict = "same network" if found.same_network else found.verdict
        rows.append([name, race["seeds"], race["gain"], race["verdict"], found.difference.mean, full_verdict])
    columns = ["variant", "race_seeds", "race_gain", "race_verdict", "full_gain", "full_verdict"]
    return pd.DataFrame(rows, columns=columns)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both, and say how many verdicts agree and what share of the trainings the race took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.race_on_data", description=__doc__)
    parser.add_argument("--seeds", type=int, default=24, help="of the last look (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("race"), help="of runs and pages (default: %(default)s)")
    parser.add_argument("--store", type=Path, help="finished trainings (default: in --folder)")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args(arguments)
    params, _ = select_variants(load_params(PARAMS), (), Results.tuned)
    table = compare_race(params, Results.data, asked.folder, asked.seeds, asked.store or asked.folder / "store")
    write_csv(asked.out / "race_on_data.csv", table)
    print(table.to_string(index=False))
    agree = int((table["race_verdict"] == table["full_verdict"]).sum())
    trained = int(table["race_seeds"].sum() + table["race_seeds"].max())
    every = asked.seeds * (len(table) + 1)
    print(
        f"{agree} of {len(table)} verdicts agree; the race took {trained} of {every} trainings ({trained / every:.2f})"
    )


if __name__ == "__main__":
    main()
