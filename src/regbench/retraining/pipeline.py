"""Runs `dvc repro` and `dvc push`, and commits `dvc.lock`."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from regbench.config.retraining import Publish
from regbench.errors import RegbenchError
from regbench.runtime.git import Branch, ask_git, current_branch
from regbench.runtime.processes import JOB, follow_parent
from regbench.runtime.redaction import redact
from regbench.runtime.repro import dvc_environment, read_stages, translate


class PipelineError(RegbenchError):
    """A command of DVC or git failed; its own message was printed before."""


def repro(project: Path, *arguments: str) -> None:
    """Run `dvc repro` and show a line per stage; it and its stages die with this process.

    Raises:
        InputError: there is no pipeline in `project`.
        PipelineError: a stage failed; the outputs of finished stages are kept.
    """
    stages = read_stages(project / "dvc.yaml")
    if _run(project, _dvc("repro", *arguments), stages):
        raise PipelineError("the pipeline stopped, as it says above: nothing was decided, the champion is as it was")


def publish(project: Path, settings: Publish, message: str, begun: Branch | None = None) -> bool:
    """Push data and models, then commit `dvc.lock`; return whether there was anything to publish.

    This order ensures that no commit refers to data that were not pushed. A missing commit is made by the next job.
    `begun` is the branch when the job began; None: the branch that is checked out.

    Raises:
        GitError: there is no branch to commit to; nothing was pushed.
        PipelineError: the branch has moved since then, or pushing or committing failed.
    """
    if not settings.push or not ask_git(project, "status", "--porcelain", "--", "dvc.lock"):
        return False
    branch = current_branch(project)
    if begun is not None and branch != begun:
        raise PipelineError(
            f"the branch {begun.name} was at {begun.commit[:12]} when the job began, and now {branch.name} is at "
            f"{branch.commit[:12]}: nothing was pushed: the decision stands; the next job publishes"
        )
    if _run(project, _dvc("push", *(["--remote", settings.remote] if settings.remote else []))):
        raise PipelineError("dvc push failed, as it says above: the decision stands; the next job publishes it")
    commands = (["git", "add", "--", "dvc.lock"], ["git", "commit", "--only", "--message", message, "--", "dvc.lock"])
    if any(_run(project, command) for command in commands):
        raise PipelineError("git commit failed, as it says above: data are pushed; the next job commits dvc.lock")
    return True


def _dvc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def _run(project: Path, command: list[str], stages: Mapping[str, str] | None = None) -> int:
    """Run a command, pass on its output without the secrets of addresses, and return its exit code.

    With `stages`, the command is `dvc repro`: one line per stage is shown, and its stderr goes directly to the
    terminal, for progress bars. All output is progress, so it goes to stderr: stdout is for the result of this process.
    """
    with subprocess.Popen(
        command,
        cwd=project,
        env={**dvc_environment(), JOB: str(os.getpid())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if stages is None else None,
        text=True,
        errors="replace",
        preexec_fn=partial(follow_parent, os.getpid()),
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout if stages is None else translate(process.stdout, stages):
                print(redact(line), end="", file=sys.stderr, flush=True)
            return process.wait()
        except BaseException:  # Ctrl-C or SIGTERM: the command ends with this process.
            process.kill()
            raise
