"""Ask git about a project's folder; errors quote git's own message."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from regbench.errors import RegbenchError
from regbench.runtime.redaction import redact

UNDER_WAY = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
"""File or folder that git keeps during an operation -> name of the operation."""


class GitError(RegbenchError):
    """A git command that failed, or a state in which nothing can be committed; in one line."""


@dataclass(frozen=True)
class Branch:
    """A branch and its last commit."""

    name: str
    commit: str
    """Full hash."""


def ask_git(project: Path, *arguments: str) -> str:
    """Return what a git command prints, without outer blanks.

    Raises:
        GitError: git is missing or refuses; the first line of its own words.
    """
    # Without optional locks, reading the status does not disturb a commit that the user makes at the same time.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(["git", *arguments], cwd=project, env=environment, capture_output=True, check=False)
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise GitError(redact(f"git {arguments[0]}: {words[0]}"))
    return done.stdout.decode(errors="surrogateescape").strip()


def list_files(project: Path, *arguments: str) -> list[str]:
    """Return the names that a git command prints with `-z`; GitError as `ask_git`."""
    return [name for name in ask_git(project, *arguments).split("\0") if name]


def last_commit(project: Path) -> str:
    """Return the full hash of the commit that is checked out; GitError where there is none."""
    return ask_git(project, "log", "--no-show-signature", "-1", "--format=%H")


def current_branch(project: Path) -> Branch:
    """Return the branch that a commit goes to.

    Raises:
        GitError: no branch is checked out, a rebase, merge or the like is under way, or git refuses.
    """
    paths = [option for name in UNDER_WAY for option in ("--git-path", name)]
    places = ask_git(project, "rev-parse", *paths).splitlines()
    for place, what in zip(places, UNDER_WAY.values(), strict=True):
        if (project / place).exists():
            raise GitError(f"{project}: a {what} is under way: finish it, or `git {what} --abort`")
    commit = last_commit(project)
    try:
        return Branch(ask_git(project, "symbolic-ref", "--short", "HEAD"), commit)
    except GitError:
        raise GitError(f"{project}: no branch is checked out (detached HEAD): `git switch BRANCH`") from None
