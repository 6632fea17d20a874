"""Write a torchvision data set in the canonical raw layout; a tool beside the pipeline, not a stage of it."""

import argparse
from pathlib import Path

from regbench.data.export import NAMES, export
from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.export", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("out", type=Path, help="new folder, or .zip")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set's own files")
    parser.add_argument("--download", action="store_true", help="fetch what is missing in --root")
    parser.add_argument("--split", default="balanced", help="part of EMNIST (default: %(default)s)")
    parser.add_argument(
        "--test",
        choices=("labelled", "unlabelled"),
        default="labelled",
        help="official test images: labelled rows after the train rows, or unlabelled (default: %(default)s)",
    )
    arguments = parser.parse_args()
    labelled, unlabelled = export(
        arguments.name,
        arguments.out,
        arguments.root,
        download=arguments.download,
        split=arguments.split,
        test=arguments.test,
    )
    print(f"{arguments.out}: {labelled:,} labelled and {unlabelled:,} unlabelled images")


if __name__ == "__main__":
    run(main)
