"""Add each strength of a combination alone, and leave each out; a study beside the pipeline."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.protocols.ablation import write_interactions
from regbench.protocols.protocol import ingested, resolved
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("variant", help="key in variants; the combination")
    arguments.add_argument("out", type=Path, help="folder of the study; what is trained there already is kept")
    arguments.add_argument("--raw", type=Path, help="folder or .zip to ingest instead of --data")
    arguments.add_argument("--data", type=Path, default=Path("data"), help="ingested splits; default: %(default)s")
    arguments.add_argument("--tuned", type=Path, default=Path("tuned"), help="what tune chose; default: %(default)s")
    given = arguments.parse_args()
    params = resolved(load_params(given.params), [given.variant], given.tuned)
    data = ingested(params.data, given.raw, given.out) if given.raw else given.data
    print(write_interactions(params, given.variant, data, given.out))


if __name__ == "__main__":
    run(main)
