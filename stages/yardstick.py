"""Compare the variants of a parameter file of its own on raw images; a study beside the pipeline."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.protocols.protocol import ingested
from regbench.protocols.strong_baseline import write_yardstick
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.set_defaults(params=Path("presets/yardstick.yaml"))
    arguments.add_argument("raw", type=Path, help="folder or .zip of images with labels")
    arguments.add_argument("out", type=Path, help="folder of the study; what is trained there already is kept")
    given = arguments.parse_args()
    params = load_params(given.params)
    print(write_yardstick(params, ingested(params.data, given.raw, given.out), given.out))


if __name__ == "__main__":
    run(main)
