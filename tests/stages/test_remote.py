"""A second clone: it pulls from a DVC remote, computes only what is new, and logs the same runs."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.project import REGBENCH, Project
from support.tracking_store import contents

from regbench.tracking.store import find_store

pytestmark = pytest.mark.slow


@pytest.fixture
def clones(reproduced: Project, tmp_path: Path) -> tuple[Project, Project]:
    """The project that ran the pipeline, and a clone of it that has pulled its outputs."""
    first, second = Project(reproduced.folder), Project(tmp_path / "second")
    subprocess.run(["git", "clone", "--quiet", str(first.folder), str(second.folder)], check=True)
    # What the pipeline wrote, as a commit would bring it, and the user's own images.
    for name in ("dvc.lock", "raw.zip"):
        shutil.copy2(first.folder / name, second.folder / name)
    for project in (first, second):
        project.run("dvc", "remote", "add", "--local", "--default", "--force", "shared", str(tmp_path / "remote"))
    first.run("dvc", "push")
    second.run("dvc", "pull")
    return first, second


def test_a_second_clone_pulls_computes_nothing_and_logs_the_same_runs(clones: tuple[Project, Project]) -> None:
    first, second = clones
    for command in (("dvc", "repro", "--dry"), ("dvc", "repro")):
        assert second.ran(second.run(*command)) == ["track"]
    second.run(*REGBENCH, "sync")
    theirs, ours = (contents(find_store(project.folder, {})) for project in (first, second))
    assert len(ours) >= 3 + 3 * 2
    assert ours == theirs


def test_a_second_clone_with_one_more_seed_trains_only_that(clones: tuple[Project, Project]) -> None:
    first, second = clones
    results = first.results()
    second.set(seeds=[128, 129, 130])
    output = second.run("dvc", "repro", "compare")
    assert second.ran(output) == ["check", "train", "evaluate", "compare"]
    assert second.trained(output) == "9 runs needed, 6 of 9 different ones found, 3 to train"
    found = second.results()
    assert {name: found[name] for name in results if name.startswith("runs/")} == {
        name: content for name, content in results.items() if name.startswith("runs/")
    }
