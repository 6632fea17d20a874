"""Check params.yaml before anything else runs, so that a mistake in it costs no earlier output."""

import argparse
from pathlib import Path

from stages import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("params", type=Path)
    parser.add_argument("out", type=Path, help="always the same text, so that nothing after it runs again")
    arguments = parser.parse_args()

    from regbench.files import atomic
    from regbench.params import load_params

    load_params(arguments.params)
    with atomic(arguments.out) as path:
        path.write_text("params.yaml is valid\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
