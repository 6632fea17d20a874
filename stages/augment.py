"""Fit and apply every augmentation on the train split; those that are there already are not made again."""

from pathlib import Path

from regbench.config.augmentation import AugmentSections
from regbench.config.compute import ComputeSections
from regbench.config.loading import load_sections
from regbench.engine.local import prepare_workers
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("data", type=Path, help="folder of the ingested splits")
    arguments.add_argument("out", type=Path, help="folder of the augmentations, one a recipe")
    given = arguments.parse_args()
    sections = load_sections(given.params, AugmentSections)
    compute = load_sections(given.params, ComputeSections).compute
    prepare_workers(compute)
    from regbench.engine.augment import write_augmentations
    from regbench.engine.run import open_engine

    with open_engine(compute, most=len(sections.recipes)) as engine:
        write_augmentations(engine, sections.recipes, sections.augment, given.data, given.out)


if __name__ == "__main__":
    run(main)
