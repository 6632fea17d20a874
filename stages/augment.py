"""Fit and materialise one recipe on the train split."""

from pathlib import Path

from regbench.augmentation.folder import write_recipe
from regbench.config.checking import load_params
from regbench.data.dataset import load_split
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("recipe", help="key in recipes")
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("out", type=Path, help="folder of the materialised recipe")
    given = arguments.parse_args()
    params = load_params(given.params)
    images = load_split(given.data, "train").images
    write_recipe(given.out, images, params.recipes[given.recipe], params.augment)


if __name__ == "__main__":
    run(main)
