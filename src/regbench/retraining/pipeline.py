"""`dvc repro`, `dvc push` and the commit of `dvc.lock`, as the job runs them."""

import os
import subprocess
import sys
from pathlib import Path

from regbench.config.retraining import Publish
from regbench.errors import RegbenchError
from regbench.runtime.git import Branch, ask_git, current_branch
from regbench.runtime.processes import JOB, follow_parent
from regbench.runtime.redaction import redact


class PipelineError(RegbenchError):
    """A command of DVC or git that failed; its own message is above."""


def repro(project: Path, *arguments: str) -> None:
    """Run `dvc repro`; it and its stages die with this process.

    Raises:
        PipelineError: it failed; outputs of stages that had finished stay.
    """
    if _run(project, _dvc("repro", *arguments), passed_on=False):
        raise PipelineError("dvc repro failed, as it says above: nothing was decided, the champion is as it was")


def publish(project: Path, settings: Publish, message: str, begun: Branch | None = None) -> bool:
    """Push data and models, then commit `dvc.lock`; return whether there was anything to publish.

    In this order, so that no commit ever names data that are not there. A commit that is not made is made next time.
    `begun` is the branch when the job began; None: whichever is checked out.

    Raises:
        GitError: there is no branch to commit to; nothing was pushed.
        PipelineError: the branch moved since, or pushing or committing failed.
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


def _run(project: Path, command: list[str], passed_on: bool = True) -> int:
    """Run a command; return its exit code.

    What it says is `passed_on` line by line, without the secrets that addresses of remotes may hold; otherwise it has
    the terminal to itself, for its progress bars. All of it is progress: the result is what this process prints.
    """
    # Stages are started as `python`: it must be this one, also where cron knows of no environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path, JOB: str(os.getpid())}
    stdout, stderr = (subprocess.PIPE, subprocess.STDOUT) if passed_on else (sys.stderr, None)
    with subprocess.Popen(
        command, cwd=project, env=environment, stdout=stdout, stderr=stderr, preexec_fn=follow_parent
    ) as process:
        try:
            for line in process.stdout or ():
                print(redact(line.decode(errors="replace")), end="", file=sys.stderr, flush=True)
            return process.wait()
        except BaseException:  # Ctrl-C, or SIGTERM: it ends with this process.
            process.kill()
            raise
