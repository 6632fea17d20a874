"""The stages of the pipeline, one module each, run by DVC from the project's root as `python -m stages.NAME`."""

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def require_own_library() -> None:
    """Exit with 2 unless the library is that of this checkout: DVC hashes its files, and no others."""
    found, own = find_spec("regbench"), PROJECT / "src" / "regbench"
    imported = str(Path(found.origin).resolve().parent) if found and found.origin else "nowhere"
    if imported != str(own):
        print(
            f"regbench is imported from {imported}, not from {own}: run `make install` in this folder, which points "
            "the environment to it, or set PYTHONPATH=src",
            file=sys.stderr,
        )
        sys.exit(2)


require_own_library()  # before the library is imported, which may be of another version

from regbench.layout import PARAMS  # noqa: E402
from regbench.runtime.command import prepare_process, run  # noqa: E402
from regbench.runtime.processes import follow_dvc  # noqa: E402

__all__ = ["parser", "run"]

# A `dvc repro` that is killed would leave its stage running, and the next one would start a second writer. Here, since
# it may be killed while the stage still imports torch.
if "DVC_STAGE" in os.environ:
    follow_dvc()
prepare_process()


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of a stage's arguments, with the option that all stages share."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--params", type=Path, default=PARAMS, help="default: %(default)s")
    return arguments
