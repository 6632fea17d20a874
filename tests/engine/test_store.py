"""The store: entries are whole or not there, and those that nobody uses go first."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regbench.engine.store import ABANDONED, Store, copy_entry, keep_only, size_of

WRITER = """
import sys
from pathlib import Path
from regbench.engine.store import Store
with Store(Path(sys.argv[1])).write("runs", "d/seed-1") as folder:
    (folder / "a").write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
    (folder / "b").write_text("whole")
"""


def put(store: Store, name: str, content: str = "x", kind: str = "runs") -> Path:
    with store.write(kind, name) as folder:
        (folder / "file").write_text(content)
    return store.place(kind, name)


def start_writer(store: Store) -> "subprocess.Popen[str]":
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout and writer.stdout.readline() == "writing\n"
    return writer


def age(path: Path, seconds: float) -> None:
    past = time.time() - seconds
    os.utime(path, (past, past))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_an_entry_is_there_after_writing_and_not_before(store: Store) -> None:
    assert store.find("runs", "d/seed-1") is None and store.entries() == []
    with store.write("runs", "d/seed-1") as folder:
        (folder / "file").write_text("x")
        assert store.find("runs", "d/seed-1") is None
    assert store.find("runs", "d/seed-1") == store.place("runs", "d/seed-1")
    assert store.entries() == [store.place("runs", "d/seed-1")]
    assert list((store.root / "unfinished").iterdir()) == []


def test_what_is_missing_among_many_is_found_and_the_rest_is_marked_as_used(store: Store) -> None:
    assert store.missing("runs", ["a/seed-1"]) == {"a/seed-1"}
    there, other = put(store, "a/seed-1"), put(store, "b/seed-1")
    age(there, 100)
    age(other, 100)
    assert store.missing("runs", ["a/seed-1", "a/seed-2", "c/seed-1"]) == {"a/seed-2", "c/seed-1"}
    assert there.stat().st_mtime > other.stat().st_mtime + 50


def test_an_exception_leaves_no_entry(store: Store) -> None:
    with pytest.raises(ValueError, match="stop"), store.write("runs", "d") as folder:
        (folder / "file").write_text("x")
        raise ValueError("stop")
    assert store.find("runs", "d") is None and list((store.root / "unfinished").iterdir()) == []


@pytest.mark.fault
def test_a_killed_writer_leaves_no_entry_and_the_next_one_succeeds(store: Store) -> None:
    writer = start_writer(store)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert store.find("runs", "d/seed-1") is None and store.entries() == []
    again = start_writer(store)
    again.communicate("")
    assert {path.name for path in store.place("runs", "d/seed-1").iterdir()} == {"a", "b"}


def test_of_two_writers_the_first_entry_stays_whole(store: Store) -> None:
    slow = start_writer(store)
    first = put(store, "d/seed-1", "first")
    slow.communicate("")
    assert slow.returncode == 0
    assert [path.name for path in first.iterdir()] == ["file"] and (first / "file").read_text() == "first"
    assert list((store.root / "unfinished").iterdir()) == []


def test_the_least_recently_used_entries_go_until_the_rest_fits(store: Store) -> None:
    places = [put(store, f"{name}/seed-1", 100 * "x") for name in "abcd"]
    for place, seconds in zip(places, (40, 30, 20, 10), strict=True):
        age(place, seconds)
    assert store.find("runs", "a/seed-1"), "now the most recently used one"
    assert store.prune(400) == 0
    assert store.prune(250) == 2
    assert store.entries() and set(store.entries()) == {places[0], places[3]}
    assert size_of(store.root) <= 250


def test_entries_that_are_kept_stay_whatever_the_bound(store: Store) -> None:
    kept, other, third = put(store, "a"), put(store, "b", kind="evaluations"), put(store, "c")
    age(kept, 100)
    assert store.prune(0, {kept}) == 2
    assert kept.is_dir() and not other.exists() and not third.exists()


@pytest.mark.fault
@pytest.mark.fault
def test_a_killed_writer_leaves_nothing_after_the_next_prune_and_a_running_one_is_not_disturbed(store: Store) -> None:
    killed, running = start_writer(store), start_writer(store)
    killed.kill()
    killed.wait()
    assert len(list((store.root / "unfinished").iterdir())) == 2
    store.prune(1e9)
    (left,) = (store.root / "unfinished").iterdir()
    assert f"-{running.pid}-" in left.name
    running.communicate()
    assert store.find("runs", "d/seed-1") is not None and list((store.root / "unfinished").iterdir()) == []


def test_what_processes_of_other_hosts_left_goes_after_a_day(store: Store) -> None:
    for folder, name in (("unfinished", "old"), ("unfinished", "new"), ("checkpoints", "old"), ("checkpoints", "new")):
        path = store.root / folder / name
        if folder == "unfinished":
            path.mkdir(parents=True)
            (path / "file").write_text("x")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        if name == "old":
            age(path, ABANDONED + 60)
    assert store.prune(0) == 0
    assert sorted(path.relative_to(store.root).as_posix() for path in store.root.glob("*/*")) == [
        "checkpoints/new",
        "unfinished/new",
    ]


def test_checkpoints_of_different_runs_are_different_files(store: Store) -> None:
    names = ["a/seed-1", "a/seed-11", "b/seed-1"]
    assert len({store.checkpoint(name) for name in names}) == 3
    assert store.checkpoint("a/seed-1").parent == store.root / "checkpoints"


def test_a_copy_has_the_files_of_the_entry_and_no_others(store: Store, tmp_path: Path) -> None:
    entry, target = put(store, "a", "new"), tmp_path / "out"
    (entry / "timings.csv").write_text("1")
    target.mkdir()
    (target / "file").write_text("old")
    (target / "stale").mkdir()
    copy_entry(entry, target, without=("timings.csv",))
    assert {path.name: path.read_text() for path in target.iterdir()} == {"file": "new"}
    assert (target / "file").samefile(entry / "file"), "disk space is shared"
    written = (target / "file").stat().st_ctime_ns
    copy_entry(entry, target, without=("timings.csv",))
    assert (target / "file").stat().st_ctime_ns == written, "nothing to do"


def test_a_replaced_copy_leaves_the_entry_as_it_was(store: Store, tmp_path: Path) -> None:
    entry = put(store, "a", "new")
    copy_entry(entry, tmp_path / "out")
    other = tmp_path / "other"
    other.write_text("changed")
    other.replace(tmp_path / "out/file")
    assert (entry / "file").read_text() == "new"
    copy_entry(entry, tmp_path / "out")
    assert (tmp_path / "out/file").read_text() == "new"


def test_only_the_named_files_and_folders_are_kept(tmp_path: Path) -> None:
    for name in ("a", "b", "c/d"):
        (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out/file").write_text("x")
    keep_only(tmp_path / "out", ["a", "absent"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    assert (tmp_path / "elsewhere").is_dir(), "a link is removed, not what it points to"
    keep_only(tmp_path / "nowhere", ["a"])
