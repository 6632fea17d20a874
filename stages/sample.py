"""Stage sample: write the embedded digits as a raw data set, so that they take the same path as anyone's images."""

import argparse
from pathlib import Path

from regbench.data.sample import write_sample
from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.sample", description=__doc__)
    parser.add_argument("out", type=Path, help="the .zip to write")
    arguments = parser.parse_args()
    print(f"{arguments.out}: {write_sample(arguments.out):,} images")


if __name__ == "__main__":
    run(main)
