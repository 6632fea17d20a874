"""Runs `dvc repro` and prints which stage of how many is running, and what is up to date."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from regbench.errors import InputError, RegbenchError
from regbench.runtime.command import TerminationError
from regbench.runtime.processes import follow_parent

RUNNING = re.compile(r"Running stage '([^']+)'")
SKIPPED = re.compile(r"Stage '([^']+)' (didn't change|is cached)")
CHATTER = re.compile(
    r"> |Updating lock file|Generating lock file|Use `dvc push`|To track the changes|To enable auto staging|"
    r"\tgit add |\tdvc config core\.autostage|Data and pipelines are up to date"
)
"""Lines of DVC that say nothing about the results."""
STATES = {"didn't change": "up to date", "is cached": "restored from the cache"}
TABLE = "compare"
"""The stage that prints the comparison: a caller shows it at the end, or not at all."""


class StageError(RegbenchError):
    """A stage that failed; its output is printed above."""


def run_pipeline(project: Path, targets: Sequence[str] = ()) -> None:
    """Run the stages that are out of date, up to `targets` if given, and print a line per stage.

    What stages print themselves is passed on, but for the table; their progress bars and errors go to stderr, as usual.

    Raises:
        InputError: there is no pipeline in `project`.
        StageError: a stage failed; outputs of stages that had finished stay.
    """
    stages = read_stages(project / "dvc.yaml")
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", *targets],
        cwd=project,
        env=dvc_environment(),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(follow_parent, os.getpid()),
    )
    assert process.stdout is not None
    with process:
        try:
            for line in translate(process.stdout, stages):
                print(line, end="", flush=True)
        except TerminationError:
            # A terminal sends Ctrl-C to DVC's stage too, which then ends by itself; SIGTERM reaches this process alone.
            process.terminate()
            raise
    if process.returncode:
        raise StageError("the pipeline stopped, as it says above: what had finished is kept: correct it and run again")


def dvc_environment() -> dict[str, str]:
    """Return this process's variables, changed so that stages run in this environment and their lines come at once."""
    # Stages are started as `python`: it must be this one, also where cron knows of no environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


def read_stages(path: Path) -> dict[str, str]:
    """Return the description of each stage in `dvc.yaml`, in the order in which they run."""
    try:
        stages = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["stages"]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: run from the project's folder") from None
    return {name: str(stage.get("desc", "")) for name, stage in stages.items()}


def translate(lines: Iterable[str], stages: Mapping[str, str]) -> Iterator[str]:
    """Yield DVC's output with a line per stage: its number, its name, and what it does or that it is up to date.

    >>> said = ["Stage 'check' didn't change, skipping", "Running stage 'train':", "> exec python", "7 runs"]
    >>> for line in translate(said, {"check": "Check params.yaml", "train": "Train every variant"}):
    ...     print(line.strip())
    [1/2] check: up to date
    [2/2] train: Train every variant
    7 runs
    """
    place = {name: f"[{number}/{len(stages)}] {name}" for number, name in enumerate(stages, 1)}
    current = ""
    for line in lines:
        if found := RUNNING.match(line):
            current = found[1]
            yield f"{place.get(current, current)}: {stages.get(current, '')}\n"
        elif found := SKIPPED.match(line):
            current = ""
            yield f"{place.get(found[1], found[1])}: {STATES[found[2]]}\n"
        elif line.strip() and not CHATTER.match(line) and current != TABLE:
            yield line
