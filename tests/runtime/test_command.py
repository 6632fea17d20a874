"""Commands that run out of memory, for real, since a limit refuses what they ask for; and commands that get Ctrl-C."""

import signal
import subprocess
import sys

import pytest
from support.project import ROOT, environment

from regbench.runtime.command import OUT_OF_MEMORY

LIMITED = """
import resource, sys
import {module}
from regbench.runtime.command import run
held = 4096 * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (held + 300_000_000, resource.RLIM_INFINITY))
run(lambda: {call})
"""


@pytest.mark.fault
@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("builtins", "bytearray(1_000_000_000)"),
        ("numpy", "numpy.ones(1_000_000_000)"),
        ("torch", "torch.ones(1_000_000_000)"),
    ],
)
def test_memory_that_is_refused_is_one_line_with_its_cure(module: str, call: str) -> None:
    command = [sys.executable, "-c", LIMITED.format(module=module, call=call)]
    done = subprocess.run(command, env=environment(ROOT), capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (1, f"{OUT_OF_MEMORY}\n")


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("import signal, stages; signal.raise_signal(signal.SIGINT)", -signal.SIGINT, ""),
        ("import signal, stages; stages.run(lambda: signal.raise_signal(signal.SIGINT))", 130, "interrupted\n"),
    ],
)
def test_ctrl_c_prints_no_traceback_while_a_stage_imports_or_runs(code: str, exit_code: int, said: str) -> None:
    # A shell that starts tests in the background has them ignore the signal, and a process inherits this.
    command = [sys.executable, "-c", f"import signal; signal.signal(2, signal.default_int_handler); {code}"]
    stage = {**environment(ROOT), "DVC_STAGE": "train"}
    done = subprocess.run(command, cwd=ROOT, env=stage, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (exit_code, said)
