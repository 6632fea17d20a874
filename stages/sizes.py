"""Compare variants at several numbers of train images; a study beside the pipeline."""

import sys
from pathlib import Path

from regbench.config.checking import load_params
from regbench.protocols.learning_curve import write_sizes
from regbench.protocols.protocol import compared, ingested
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("out", type=Path, help="folder of the study; what is trained there already is kept")
    arguments.add_argument("sizes", type=int, nargs="+", help="numbers of train images")
    arguments.add_argument("--variants", nargs="+", default=[], help="keys in variants; default: all that are chosen")
    arguments.add_argument("--seed", type=int, default=128, help="key of the subsets; default: %(default)s")
    arguments.add_argument("--raw", type=Path, help="folder or .zip to ingest instead of --data")
    arguments.add_argument("--data", type=Path, default=Path("data"), help="ingested splits; default: %(default)s")
    arguments.add_argument("--tuned", type=Path, default=Path("tuned"), help="what tune chose; default: %(default)s")
    given = arguments.parse_args()
    params, left_out = compared(load_params(given.params), given.variants, given.tuned)
    for name in left_out:
        print(f"{name}: left out: {given.tuned / name}.json is not there: run `dvc repro tune`", file=sys.stderr)
    data = ingested(params.data, given.raw, given.out) if given.raw else given.data
    print(write_sizes(params, given.sizes, data, given.out, given.seed))


if __name__ == "__main__":
    run(main)
