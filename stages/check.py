"""Check params.yaml before anything else runs, so that a mistake in it costs no earlier output."""

from pathlib import Path

from regbench.errors import InputError
from regbench.files import atomic
from regbench.params_file import load_params
from stages import parser, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("sample", type=Path, help="raw data that the pipeline makes itself, later")
    arguments.add_argument("out", type=Path, help="always the same text, so that nothing after it runs again")
    given = arguments.parse_args()
    params = load_params(given.params)
    raw = params.data.raw
    if Path(raw) != given.sample and not Path(raw).exists():
        raise InputError(
            f"{given.params}: data.raw = {raw!r}: no such file or folder: correct it, or use {given.sample}"
        )
    with atomic(given.out) as path:
        path.write_text("params.yaml is valid\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
