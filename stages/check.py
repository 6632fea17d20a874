"""Check params.yaml before anything else runs, so that a mistake costs no output; write what stages depend on."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.config.stages import STAGES, stage_params
from regbench.engine.experiment_spec import network_files
from regbench.engine.network_check import refuse_networks
from regbench.engine.store import keep_only
from regbench.errors import InputError
from regbench.files import write_json
from regbench.runtime.code_identity import code_identity
from stages import parser, run

FOLDER = Path(__file__).resolve().parent
SAMPLE = "data/sample.zip"
"""Raw data that the pipeline makes itself, later."""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("out", type=Path, help="folder of a file per stage: its parameters, the hash of its code")
    given = arguments.parse_args()
    params = load_params(given.params)
    raw = params.data.raw
    if raw != SAMPLE and not Path(raw).exists():
        raise InputError(f"{given.params}: data.raw = {raw!r}: no such file or folder: correct it, or use {SAMPLE}")
    refuse_networks(params, given.params)
    networks = network_files(params)
    project = FOLDER.parent
    templates = sorted((project / "src/regbench/report/templates").glob("*.j2"))
    for stage in STAGES:
        code = code_identity(
            [FOLDER / f"{stage}.py"], (project / "src", project), project, templates if stage == "compare" else ()
        )
        read = stage_params(params, stage)
        own = networks if "model" in read else {}
        write_json(given.out / f"{stage}.json", {"code": code, "params": read, "networks": own})
    keep_only(given.out, [f"{stage}.json" for stage in STAGES])


if __name__ == "__main__":
    run(main)
