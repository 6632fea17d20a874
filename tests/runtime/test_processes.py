"""A process that follows its parent dies with it, however the parent dies, and however early."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from regbench.runtime.processes import is_alive

SLEEPER = """
import time
from regbench.runtime.processes import follow_parent
follow_parent()
print("up", flush=True)
time.sleep(60)
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
print(child.pid, flush=True)
child.wait()
"""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), **more}


@pytest.mark.fault
def test_it_dies_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment())
    assert parent.stdout is not None
    said = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
    (child,) = said - {"up"}
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while psutil.pid_exists(int(child)) and psutil.Process(int(child)).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.fault
def test_it_ends_at_once_where_the_job_is_dead_already() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    done = subprocess.run([sys.executable, "-c", SLEEPER], env=environment(REGBENCH_JOB=str(dead.pid)), timeout=30)
    assert done.returncode == 1


@pytest.mark.fault
def test_it_ends_at_once_where_its_parent_is_dead_already() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    code = SLEEPER.replace("follow_parent()", f"follow_parent({dead.pid})")
    assert subprocess.run([sys.executable, "-c", code], env=environment(), timeout=30).returncode == 1
    alive = SLEEPER.replace("follow_parent()", f"follow_parent({os.getpid()})").replace("sleep(60)", "sleep(0)")
    assert subprocess.run([sys.executable, "-c", alive], env=environment(), timeout=30).returncode == 0


ORPHAN = """
import os, sys, time
from regbench.runtime.processes import follow_dvc
while os.getppid() == int(sys.argv[1]):
    time.sleep(0.01)
follow_dvc()
print("up", flush=True)
"""


@pytest.mark.fault
@pytest.mark.parametrize("dies", [True, False])
def test_a_stage_ends_at_once_where_its_dvc_died_before_it_asked(dies: bool) -> None:
    awaited = "os.getpid()" if dies else "0"
    code = f"import os, subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {ORPHAN!r}, str({awaited})])"
    code += "" if dies else ".wait()"
    dvc = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )
    assert dvc.communicate(timeout=60)[0] == ("" if dies else "up\n")


def test_a_process_that_nobody_has_waited_for_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid)
    child.wait()
    assert not is_alive(child.pid) and is_alive(1)
