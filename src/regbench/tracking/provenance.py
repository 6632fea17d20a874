"""Which code and which pipeline state results come from: git's commit and changes, and the entries of `dvc.lock`."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from regbench.files import sha256

UNKNOWN = "unknown"
"""What stands where there is no git, no repository or no `dvc.lock`."""


@dataclass(frozen=True)
class Stage:
    """One stage as `dvc.lock` has it."""

    command: str
    """As it was run from the project's folder, so without the folder's own path."""
    entry: str
    """SHA-256 of the entry: command, parameters, and hashes of all that it read and wrote."""


@dataclass(frozen=True)
class Provenance:
    """Where results come from; every field is text, as MLflow's tags are."""

    commit: str
    """Full hash of the commit that is checked out."""
    dirty: str
    """`true` where code or parameters differ from the commit; outputs and `dvc.lock` do not count."""
    diff: str
    """SHA-256 of these differences; empty where there are none."""
    dvc_lock: str
    """SHA-256 of `dvc.lock`."""
    stages: Mapping[str, Stage] = field(default_factory=dict)
    """Name -> what `dvc.lock` says of it."""

    def tags(self, stage: str) -> dict[str, str]:
        """Return MLflow's tags of a run whose numbers a stage made."""
        entry = self.stages.get(stage, Stage(UNKNOWN, UNKNOWN))
        return {
            "git_commit": self.commit,
            "git_dirty": self.dirty,
            "git_diff": self.diff,
            "dvc_lock": self.dvc_lock,
            "dvc_stage": stage,
            "dvc_stage_lock": entry.entry,
            "command": entry.command,
            "mlflow.source.name": f"dvc repro {stage}",
            "mlflow.source.git.commit": self.commit,
        }


def read_provenance(project: Path, data: Sequence[Path] = ()) -> Provenance:
    """Describe the state of a project's folder; what cannot be known is `unknown`, and nothing is raised.

    Files and folders in `data` are neither code nor parameters.
    """
    lock = project / "dvc.lock"
    stages = _stages(lock)
    commit = _git(project, "rev-parse", "HEAD")
    outputs = {out["path"] for entry in stages.values() for out in entry.get("outs", [])}
    inside = [path.resolve() for path in data if path.resolve().is_relative_to(project.resolve())]
    others = sorted(outputs | {str(path.relative_to(project.resolve())) for path in inside})
    ours = ["--", ".", *(f":(exclude,literal){path}" for path in ("dvc.lock", *others))]
    changes = _git(project, "status", "--porcelain", *ours)
    return Provenance(
        commit=commit or UNKNOWN,
        dirty=UNKNOWN if changes is None or commit is None else str(bool(changes)).lower(),
        diff=_difference(project, ours) if changes and commit else "",
        dvc_lock=sha256(lock) if lock.is_file() else UNKNOWN,
        stages={name: Stage(str(entry.get("cmd", UNKNOWN)), _hash(entry)) for name, entry in stages.items()},
    )


def _difference(project: Path, ours: list[str]) -> str:
    """Hash the changed lines, and the names and contents of new files."""
    changed = _git(project, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-color", *ours) or ""
    added = (_git(project, "ls-files", "-z", "--others", "--exclude-standard", *ours) or "").split("\0")
    contents = {name: sha256(project / name) for name in added if (project / name).is_file()}
    return _hash([changed, contents])


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stages(lock: Path) -> dict[str, Any]:
    """Return the stages of `dvc.lock`, which is where DVC lists them with all names filled in."""
    try:
        stages: dict[str, Any] = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]
        return stages if all("path" in out for stage in stages.values() for out in stage.get("outs", [])) else {}
    except (OSError, YAMLError, KeyError, TypeError, AttributeError):
        return {}


def _git(project: Path, *arguments: str) -> str | None:
    """Return what a git command prints, or None where git or the repository is missing."""
    # Without optional locks, reading the status does not disturb a commit that the user makes meanwhile.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    except (OSError, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
