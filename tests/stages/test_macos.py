"""macOS, as far as it can be had on Linux: what it lacks is taken away from every process of a pipeline."""

from pathlib import Path

import pytest
from support.project import Project

pytestmark = pytest.mark.slow

LACKS = '''
"""Imported by every interpreter that has this folder on its path: takes away what macOS does not have."""

import ctypes
import multiprocessing
import os


class Library(ctypes.CDLL):
    def __getattr__(self, name):
        if name == "prctl":
            raise AttributeError(name)
        return super().__getattr__(name)


ctypes.CDLL = Library
del os.sched_getaffinity
multiprocessing.get_all_start_methods = lambda: ["spawn", "forkserver"]
multiprocessing.context._default_context.get_all_start_methods = multiprocessing.get_all_start_methods
'''


@pytest.mark.fault
def test_a_pipeline_without_prctl_affinity_and_fork_gives_the_same_bytes(tmp_path: Path, reproduced: Project) -> None:
    project = Project.create(tmp_path / "project")
    (project.folder / "src/sitecustomize.py").write_text(LACKS)
    taken = project.run(
        "python",
        "-c",
        "import os; from regbench.data.decoding import FORKS; from regbench.runtime.processes import follow_parent; "
        "follow_parent(); print(FORKS, hasattr(os, 'sched_getaffinity'))",
    )
    assert taken.split() == ["False", "False"]
    assert set(project.repro("sample", "compare")) >= {"ingest", "augment", "tune", "train", "evaluate", "compare"}
    assert project.results() == reproduced.results()
