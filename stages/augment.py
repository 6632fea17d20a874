"""Fit and materialise one recipe on the train split."""

import argparse
from pathlib import Path

from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", help="key in recipes")
    parser.add_argument("data", type=Path, help="folder of the ingested splits")
    parser.add_argument("out", type=Path, help="folder of the materialised recipe")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    arguments = parser.parse_args()

    from regbench.dataset import load_split

    from regbench.params import load_params
    from regbench.recipes import write_recipe

    params = load_params(arguments.params)
    images = load_split(arguments.data, "train").images
    write_recipe(arguments.out, images, params.recipes[arguments.recipe], params.augment)


if __name__ == "__main__":
    run(main)
