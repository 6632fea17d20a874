"""Commands that run out of memory, for real: a limit of the operating system refuses what they ask for."""

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
