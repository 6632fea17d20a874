"""Reads outputs of the pipeline at another git revision."""

import subprocess
import sys
from pathlib import Path

from regbench.errors import InputError


def fetch_output(project: Path, output: Path, revision: str, out: Path) -> None:
    """Write to `out` the DVC output that `project` had at a git revision, from DVC's cache or its default remote.

    Raises:
        InputError: there is no such revision, or it has no such output.
    """
    command = [sys.executable, "-m", "dvc", "get", ".", str(output), "--rev", revision, "--out", str(out), "--quiet"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["dvc get failed"])[0].removeprefix("ERROR: ")
        raise InputError(
            f"{output} at revision {revision}: {said}: name a commit whose dvc.lock has results, and run `dvc pull` or "
            "`regbench run` there"
        )
