"""Reads where results come from: git's commit and changes, and the entries of `dvc.lock`."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regbench.files import sha256
from regbench.runtime.git import GitError, ask_git, last_commit, list_files
from regbench.tracking.dvc_lock import LOCK, outputs, read_stages, sources

UNKNOWN = "unknown"
"""The value where there is no git, no repository or no `dvc.lock`."""
NAMED = 5
"""Files that are named where code is not committed."""


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
    """`true` where code or parameters differ from the commit; outputs, data and `dvc.lock` do not count."""
    diff: str
    """SHA-256 of these differences; empty where there are none."""
    dvc_lock: str
    """SHA-256 of `dvc.lock`."""
    stages: Mapping[str, Stage] = field(default_factory=dict)
    """Name -> what `dvc.lock` says of it."""
    changed: tuple[str, ...] = ()
    """The files that differ from the commit."""
    problem: str = ""
    """Why there is no commit, in git's words."""

    @property
    def doubt(self) -> str:
        """Why results could not be made again from the commit alone; empty where they could."""
        if self.dirty == "false":
            return ""
        if not self.changed:
            return f"cannot be traced: {self.problem or 'there is no git commit'}"
        rest = len(self.changed) - NAMED
        return f"are not committed ({', '.join(self.changed[:NAMED])}{f' and {rest} more' if rest > 0 else ''})"

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

    Files and folders in `data` are neither code nor parameters, under no name that DVC has for them. Nor are files that
    git does not know and no stage reads.
    """
    lock = project / LOCK
    stages = read_stages(project)
    entries = {name: Stage(str(entry.get("cmd", UNKNOWN)), _hash(entry)) for name, entry in stages.items()}
    dvc_lock = sha256(lock) if lock.is_file() else UNKNOWN
    excluded = {LOCK, *outputs(stages), *(name for path in data for name in _names(path, project))}
    ours = ["--", ".", *(f":(exclude,literal){name}" for name in sorted(excluded))]
    try:
        commit = last_commit(project)
        edited = list_files(project, "diff", "HEAD", "--name-only", "-z", "--relative", "--no-ext-diff", *ours)
        untracked = list_files(project, "ls-files", "-z", "--others", "--exclude-standard", *ours)
        added = [name for name in untracked if _is_read(name, stages)]
        diff = _difference(project, ours, added) if edited or added else ""
    except GitError as error:
        return Provenance(UNKNOWN, UNKNOWN, "", dvc_lock, entries, problem=str(error))
    changed = tuple(sorted({*edited, *added}))
    return Provenance(commit, str(bool(changed)).lower(), diff, dvc_lock, entries, changed)


def _names(path: Path, project: Path) -> Iterator[str]:
    """Yield the names, relative to the project, of data and of the files in which DVC records it.

    The data may be in a folder that is recorded as a whole, and may be a link to elsewhere.
    """
    for top, place in ((project.absolute(), project / path), (project.resolve(), (project / path).resolve())):
        if place.is_relative_to(top) and place != top:
            inside = place.relative_to(top)
            yield str(inside)
            yield from (f"{name}.dvc" for name in (inside, *inside.parents) if name.parts)


def _is_read(name: str, stages: Mapping[str, Any]) -> bool:
    """Return whether a file that git does not know may change what stages do; where no stage is known, any file may.

    `python -m` looks for modules in the project's folder first.
    """
    read = {"dvc.yaml", *sources(stages)}
    importable = "/" not in name and name.endswith(".py")
    return not stages or importable or any(name == path or name.startswith(f"{path}/") for path in read)


def _difference(project: Path, ours: list[str], added: Sequence[str]) -> str:
    """Hash the changed lines, and the names and contents of new files."""
    changed = ask_git(project, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-color", *ours)
    contents = {name: sha256(project / name) for name in added if (project / name).is_file()}
    return _hash([changed, contents])


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
