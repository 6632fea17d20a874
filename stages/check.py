"""Check params.yaml before anything else runs, so that a mistake in it costs no earlier output; hash all code."""

from pathlib import Path

from regbench.config.checking import load_params
from regbench.errors import InputError
from regbench.files import atomic
from regbench.runtime.code_identity import code_identity
from stages import parser, run

STAGES = Path(__file__).resolve().parent


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("sample", type=Path, help="raw data that the pipeline makes itself, later")
    arguments.add_argument("out", type=Path, help="always the same text, so that nothing after it runs again")
    arguments.add_argument("code", type=Path, help="folder of a file a stage: the hash of all modules that it loads")
    given = arguments.parse_args()
    params = load_params(given.params)
    raw = params.data.raw
    if Path(raw) != given.sample and not Path(raw).exists():
        raise InputError(
            f"{given.params}: data.raw = {raw!r}: no such file or folder: correct it, or use {given.sample}"
        )
    write(given.out, "params.yaml is valid")
    project = STAGES.parent
    for stage in sorted(STAGES.glob("[a-z]*.py")):
        write(given.code / f"{stage.stem}.txt", code_identity([stage], (project / "src", project), project))


def write(path: Path, line: str) -> None:
    """Write one line."""
    with atomic(path) as temporary:
        temporary.write_text(f"{line}\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
