"""The verbs of the pipeline, one module each, run from the project's root as `python -m stages.NAME`."""

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

# The pipeline runs the library of its own checkout, so that clones can share one environment.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

# With several threads, OpenMP's workers would spin at every barrier and starve a neighbour's; PyTorch reads this when
# it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from regbench.errors import RegbenchError
from regbench.runtime.processes import follow_parent

# Importing torch makes hundreds of thousands of objects that live on: looking through them again and again for garbage
# takes a fifth of a second of it.
gc.set_threshold(50_000)

# A `dvc repro` that is killed would leave its stage running, and the next one would start a second writer. Here, since
# a stage may be killed while it still imports torch.
if "DVC_STAGE" in os.environ:
    follow_parent()


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of a stage's arguments, with the option that all stages share."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    return arguments


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
    finally:
        # For the same reason leaving takes 0.8 s after torch was imported, and 0.2 s with its objects set aside. Not
        # with MLflow: its connections are closed as garbage, and the last one merges SQLite's write-ahead log.
        if "mlflow" not in sys.modules:
            gc.freeze()
