"""Which code and which pipeline state results come from: git commit, dirty flag, hash of `dvc.lock`."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from regbench.files import sha256

UNKNOWN = "unknown"
"""What stands where there is no git, no repository or no `dvc.lock`."""


@dataclass(frozen=True)
class Provenance:
    """Where results come from; every field is text, as MLflow's tags are."""

    commit: str
    """Full hash of the commit that is checked out."""
    dirty: str
    """`true` where code or parameters differ from the commit; outputs and `dvc.lock` do not count."""
    dvc_lock: str
    """SHA-256 of `dvc.lock`."""


def read_provenance(project: Path, data: Sequence[Path] = ()) -> Provenance:
    """Describe the state of a project's folder; what cannot be known is `unknown`, and nothing is raised.

    Files and folders in `data` are neither code nor parameters.
    """
    lock = project / "dvc.lock"
    commit = _git(project, "rev-parse", "HEAD")
    inside = [path.resolve() for path in data if path.resolve().is_relative_to(project.resolve())]
    ignored = [str(path.relative_to(project.resolve())) for path in inside]
    excluded = [f":(exclude,literal){path}" for path in ("dvc.lock", *ignored, *_outputs(lock))]
    changes = _git(project, "status", "--porcelain", "--", ".", *excluded)
    return Provenance(
        commit=commit or UNKNOWN,
        dirty=UNKNOWN if changes is None or commit is None else str(bool(changes)).lower(),
        dvc_lock=sha256(lock) if lock.is_file() else UNKNOWN,
    )


def _outputs(lock: Path) -> list[str]:
    """Return the paths of all stages' outputs: `dvc.lock` is where DVC lists them with all names filled in."""
    try:
        stages = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]
        return sorted({out["path"] for stage in stages.values() for out in stage.get("outs", [])})
    except (OSError, YAMLError, KeyError, TypeError, AttributeError):
        return []


def _git(project: Path, *arguments: str) -> str | None:
    """Return what a git command prints, or None where git or the repository is missing."""
    # Without optional locks, reading the status does not disturb a commit that the user makes meanwhile.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
