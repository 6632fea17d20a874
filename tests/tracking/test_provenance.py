from pathlib import Path

import pytest
from support.git import git

from regbench.files import sha256
from regbench.tracking.provenance import Provenance, read_provenance

LOCK = """
schema: '2.0'
stages:
  train:
    cmd: python -m stages.train
    outs:
    - path: metrics
    - path: runs/l2
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for path in ("params.yaml", "src/code.py", "metrics/l2.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("1", encoding="utf-8")
    (tmp_path / "dvc.lock").write_text(LOCK, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    return tmp_path


def test_clean_tree_has_its_commit_and_lock(repository: Path) -> None:
    found = read_provenance(repository)
    lock = sha256(repository / "dvc.lock")
    assert found == Provenance(git(repository, "rev-parse", "HEAD"), "false", "", lock, found.stages)
    assert {name: stage.command for name, stage in found.stages.items()} == {"train": "python -m stages.train"}


@pytest.mark.parametrize("path", ["dvc.lock", "metrics/l2.json", "runs/l2/new"])
def test_outputs_do_not_make_it_dirty(repository: Path, path: str) -> None:
    (repository / path).parent.mkdir(exist_ok=True, parents=True)
    with (repository / path).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert read_provenance(repository).dirty == "false"


@pytest.mark.parametrize("path", ["params.yaml", "src/code.py", "src/new.py", "runs/stray"])
def test_code_and_params_make_it_dirty(repository: Path, path: str) -> None:
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).write_text("2", encoding="utf-8")
    assert read_provenance(repository).dirty == "true"


def test_project_in_a_folder_of_a_repository_ignores_its_neighbours(repository: Path) -> None:
    (repository / "stray").write_text("2", encoding="utf-8")
    assert read_provenance(repository / "src").dirty == "false"


def test_without_git_or_lock_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_provenance(tmp_path) == Provenance("unknown", "unknown", "", "unknown")
    monkeypatch.setenv("PATH", "")
    assert read_provenance(tmp_path) == Provenance("unknown", "unknown", "", "unknown")


def test_without_a_commit_it_is_unknown(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert read_provenance(tmp_path).dirty == "unknown"


@pytest.mark.parametrize("text", ["", "[", "stages: 1", "stages: {a: }"])
def test_broken_lock_has_no_outputs(repository: Path, text: str) -> None:
    (repository / "dvc.lock").write_text(text, encoding="utf-8")
    (repository / "metrics/l2.json").write_text("2", encoding="utf-8")
    assert read_provenance(repository).dirty == "true"


def test_the_difference_is_that_of_the_content(repository: Path) -> None:
    """Of changed and of new files; back again, it is as before, and outputs do not count."""
    seen = {""}
    for path, text in (("params.yaml", "2"), ("params.yaml", "3"), ("src/new.py", "2"), ("src/new.py", "3")):
        (repository / path).write_text(text, encoding="utf-8")
        found = read_provenance(repository).diff
        assert found not in seen
        seen.add(found)
    (repository / "metrics/l2.json").write_text("2", encoding="utf-8")
    assert read_provenance(repository).diff == found
    (repository / "src/new.py").unlink()
    (repository / "params.yaml").write_text("1", encoding="utf-8")
    assert read_provenance(repository).diff == ""


def test_a_stage_is_known_by_its_entry(repository: Path) -> None:
    def entry() -> str:
        return read_provenance(repository).tags("train")["dvc_stage_lock"]

    first = entry()
    (repository / "dvc.lock").write_text(f"{LOCK}  other:\n    cmd: x\n", encoding="utf-8")
    assert entry() == first
    (repository / "dvc.lock").write_text(LOCK.replace("runs/l2", "runs/l3"), encoding="utf-8")
    assert entry() != first
    assert read_provenance(repository).tags("none")["command"] == "unknown"
