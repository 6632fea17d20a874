import os
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
    deps:
    - path: params.yaml
    - path: src
    - path: raw
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


@pytest.mark.parametrize("path", ["params.yaml", "src/code.py", "src/new.py", "numpy.py", "raw/new.png"])
def test_code_and_params_make_it_dirty(repository: Path, path: str) -> None:
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).write_text("2", encoding="utf-8")
    found = read_provenance(repository)
    assert (found.dirty, found.changed) == ("true", (path,))
    assert found.doubt == f"are not committed ({path})"


@pytest.mark.fault
@pytest.mark.parametrize("path", ["runs/stray", "images for predict.zip", "srcs/code.py", "notes.md"])
def test_a_file_that_git_does_not_know_and_no_stage_reads_does_not(repository: Path, path: str) -> None:
    (repository / path).parent.mkdir(exist_ok=True)
    (repository / path).write_text("2", encoding="utf-8")
    found = read_provenance(repository)
    assert (found.dirty, found.changed, found.diff) == ("false", (), "")


@pytest.mark.fault
@pytest.mark.parametrize("raw", ["raw", "raw/one", "link"])
def test_data_are_no_code_under_any_name_that_they_have(repository: Path, tmp_path: Path, raw: str) -> None:
    """Their own, that of DVC's record, which DVC itself rewrites, those of the folder around them, and a link's."""
    (repository / "raw").mkdir()
    if raw == "link":
        (repository / "link").symlink_to(tmp_path.parent, target_is_directory=True)
    for name in ("raw.dvc", "raw/one.dvc", "link.dvc"):
        (repository / name).write_text("outs: [{md5: 1}]")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "data")
    record = {"raw": "raw.dvc", "raw/one": "raw.dvc", "link": "link.dvc"}[raw]
    (repository / record).write_text("outs: [{md5: 2}]")
    assert read_provenance(repository).changed == (record,)
    assert read_provenance(repository, [Path(raw)]).changed == ()
    assert read_provenance(repository, [repository / raw]).changed == ()


def test_of_many_changed_files_the_first_are_named(repository: Path) -> None:
    for k in range(8):
        (repository / f"src/new{k}.py").write_text("2", encoding="utf-8")
    named = ", ".join(f"src/new{k}.py" for k in range(5))
    assert read_provenance(repository).doubt == f"are not committed ({named} and 3 more)"


def test_names_with_blanks_quotes_and_line_breaks_are_whole(repository: Path) -> None:
    for name in ("a b.py", "it's.py", "é.py", "x\ny.py"):
        (repository / "src" / name).write_text("2", encoding="utf-8")
    assert read_provenance(repository).changed == ("src/a b.py", "src/it's.py", "src/x\ny.py", "src/é.py")


@pytest.mark.fault
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_git_refuses_a_folder_of_another_owner_in_its_own_words(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(repository))  # without a safe.directory
    os.chown(repository, 12345, 12345)
    os.chown(repository / ".git", 12345, 12345)
    found = read_provenance(repository)
    assert (found.commit, found.dirty) == ("unknown", "unknown")
    assert "detected dubious ownership in repository" in found.doubt and "\n" not in found.doubt


def test_project_in_a_folder_of_a_repository_ignores_its_neighbours(repository: Path) -> None:
    for name in ("stray", "params.yaml"):
        (repository / name).write_text("2", encoding="utf-8")
    assert read_provenance(repository / "src").dirty == "false"
    (repository / "src/code.py").write_text("2", encoding="utf-8")
    assert read_provenance(repository / "src").changed == ("code.py",)


@pytest.mark.fault
def test_a_worktree_and_a_shallow_clone_are_as_good_as_a_clone(repository: Path, tmp_path: Path) -> None:
    git(repository, "commit", "--allow-empty", "--quiet", "--message", "second")
    expected = read_provenance(repository)
    git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "elsewhere/tree"))
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(tmp_path / "elsewhere/clone"))
    for place in ("tree", "clone"):
        assert read_provenance(tmp_path / "elsewhere" / place) == expected
        (tmp_path / "elsewhere" / place / "src/code.py").write_text("2", encoding="utf-8")
        assert read_provenance(tmp_path / "elsewhere" / place).changed == ("src/code.py",)


def test_without_git_or_lock_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for reason in ("git log: fatal: not a git repository", "git cannot be started: No such file or directory"):
        found = read_provenance(tmp_path)
        assert found == Provenance("unknown", "unknown", "", "unknown", problem=found.problem)
        assert found.doubt.startswith(f"cannot be traced: {reason}")
        monkeypatch.setenv("PATH", "")


def test_without_a_commit_it_is_unknown(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert read_provenance(tmp_path).dirty == "unknown"
    assert "does not have any commits yet" in read_provenance(tmp_path).doubt


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
