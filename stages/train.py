"""Train one variant under every seed."""

import argparse
from pathlib import Path

from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", help="key in variants")
    parser.add_argument("data", type=Path, help="folder of the ingested splits")
    parser.add_argument("recipe", type=Path, help="folder of the variant's materialised recipe")
    parser.add_argument("out", type=Path, help="folder of the variant's runs")
    parser.add_argument("timings", type=Path, help="CSV of the seconds that each epoch took")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    arguments = parser.parse_args()

    from regbench.params import load_params
    from regbench.runs import load_material, train_variant

    params = load_params(arguments.params)
    material = load_material(arguments.data, arguments.recipe)
    train_variant(params, arguments.variant, material, arguments.out, arguments.timings)


if __name__ == "__main__":
    run(main)
