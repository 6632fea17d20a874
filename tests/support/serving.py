"""Programs that serve until they are interrupted."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from support.project import Project, environment


@contextmanager
def started(project: Project, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the project; on leaving, interrupt it and all that it started, and wait for its end."""
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=environment(project.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)
