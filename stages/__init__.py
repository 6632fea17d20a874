"""The verbs of the pipeline, one module each, run from the project's root as `python -m stages.NAME`."""

import sys
from collections.abc import Callable
from pathlib import Path

# The pipeline runs the library of its own checkout, so that clones can share one environment.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from regbench.errors import RegbenchError


def run(stage: Callable[[], None]) -> None:
    """Run a stage; a failure that has an explanation is printed without a traceback and sets the exit code."""
    try:
        stage()
    except RegbenchError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
