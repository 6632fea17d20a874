"""A training that is killed continues from its last checkpoint and ends with the bits of an undisturbed one."""

import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.checkpointed_training import CASES, Case, outcome, train

from regbench.training.history import EpochRecord

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "support" / "checkpointed_training.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
LARGE = "averaging of batch_norm and dropout"


class KilledError(Exception):
    """Stands for the death of the process."""


def kill_at(epoch: int, trained: list[int]) -> Any:
    """Return an `on_epoch` that notes the epochs and raises KilledError at one of them."""

    def on_epoch(record: EpochRecord) -> None:
        trained.append(record.epoch)
        if record.epoch == epoch:
            raise KilledError

    return on_epoch


@cache
def undisturbed(name: str) -> tuple[Any, ...]:
    return outcome(*train(CASES[name]))


def interrupted(case: Case, path: Path, every: int, epoch: int) -> None:
    """Train until an epoch, and die there."""
    with pytest.raises(KilledError):
        train(case, kill_at(epoch, []), checkpoint=path, checkpoint_epochs=every)


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_a_continued_training_ends_with_the_same_bits(name: str, every: int, tmp_path: Path) -> None:
    last = len(undisturbed(name)[1]) - 1
    for epoch in (0, 1, 2, 3, last):
        path, trained, restored = tmp_path / f"{epoch}.safetensors", [], list[list[int]]()
        interrupted(CASES[name], path, every, epoch)
        model, result = train(
            CASES[name],
            lambda record, trained=trained: trained.append(record.epoch),
            checkpoint=path,
            checkpoint_epochs=every,
            on_resume=lambda records, restored=restored: restored.append([record.epoch for record in records]),
        )
        assert outcome(model, result) == undisturbed(name)
        first = epoch // every * every
        assert trained == list(range(first, last + 1)), "exactly the epochs after the checkpoint are trained again"
        assert restored == ([list(range(first))] if first else [])
        assert len(result.seconds) == last + 1 and all(wall > 0 for wall, _ in result.seconds)


def test_the_cases_reach_what_they_are_about() -> None:
    """A stop after the interruption, and a best epoch before it, whose weights must be restored."""
    _, history, best, stopped = undisturbed("patience")
    assert stopped and best == 3 and len(history) == 6
    assert undisturbed("best epoch early")[2] < 4
    assert "nan" in undisturbed("NaN in the history")[1][0]


@pytest.mark.fault
def test_a_training_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path: Path) -> None:
    trained: list[int] = []
    for epoch in (1, 1, 2, 4):
        with pytest.raises(KilledError):
            train(
                CASES["averaging"], kill_at(epoch, trained), checkpoint=tmp_path / "c.safetensors", checkpoint_epochs=1
            )
    found = outcome(*train(CASES["averaging"], checkpoint=tmp_path / "c.safetensors", checkpoint_epochs=1))
    assert found == undisturbed("averaging")
    assert trained == [0, 1, 1, 1, 2, 2, 3, 4]


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, SCRIPT, *arguments], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


def files(folder: Path) -> tuple[bytes, ...]:
    return tuple((folder / name).read_bytes() for name in ("weights", "history.json"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    """Return the files that an undisturbed process leaves."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(LARGE, folder).returncode == 0
    return files(folder)


@pytest.mark.fault
@pytest.mark.slow
def test_a_process_killed_in_mid_training_ends_with_the_same_bytes(whole: tuple[bytes, ...], tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, LARGE, tmp_path]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert [killed.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
        killed.kill()
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "weights").exists()
    rest = [int(epoch) for epoch in run(LARGE, tmp_path).stdout.split()]
    assert files(tmp_path) == whole
    assert rest[0] >= 2 and rest == list(range(rest[0], 6))


@pytest.mark.fault
@pytest.mark.slow
def test_a_process_killed_while_it_writes_leaves_the_checkpoint_before(
    whole: tuple[bytes, ...], tmp_path: Path
) -> None:
    killed = run(LARGE, tmp_path, "3")
    assert (killed.returncode, killed.stdout.split()) == (-signal.SIGKILL, ["0", "1", "2"])
    assert run(LARGE, tmp_path).stdout.split() == ["2", "3", "4", "5"]
    assert files(tmp_path) == whole


def spoil(path: Path, how: str) -> None:
    """Make a checkpoint unusable."""
    whole = path.read_bytes()
    if how == "folder":
        path.unlink()
        path.mkdir()
        return
    contents = {"empty": b"", "no header": whole[:5], "half a header": whole[:99], "half": whole[: len(whole) // 2]}
    contents |= {"a byte less": whole[:-1], "text": b"no checkpoint\n" * 99, "a byte more": whole + b"\0"}
    contents |= {"other columns": whole.replace(b"train_loss", b"other_loss")}
    contents |= {"no JSON": whole.replace(b'"{\\', b'"[\\')}
    assert contents[how] != whole
    path.write_bytes(contents[how])


HOW = ["empty", "no header", "half a header", "half", "a byte less", "a byte more", "text", "other columns", "no JSON"]


@pytest.mark.parametrize("how", [*HOW, "folder"])
def test_an_unusable_checkpoint_starts_the_training_over(how: str, tmp_path: Path) -> None:
    path, trained = tmp_path / "c.safetensors", list[int]()
    interrupted(CASES["averaging"], path, 1, 3)
    spoil(path, how)
    found = train(CASES["averaging"], kill_at(-1, trained), checkpoint=path, on_resume=lambda records: pytest.fail())
    assert outcome(*found) == undisturbed("averaging")
    assert trained == list(range(6))


@pytest.mark.parametrize(("case", "hidden"), [("averaging", (10, 12)), ("plain", (12, 10)), (LARGE, (12, 10))])
def test_a_checkpoint_of_another_network_or_step_starts_the_training_over(
    case: str, hidden: tuple[int, ...], tmp_path: Path
) -> None:
    path, trained = tmp_path / "c.safetensors", list[int]()
    with pytest.raises(KilledError):
        train(CASES[case], kill_at(3, []), hidden, checkpoint=path, checkpoint_epochs=1)
    assert outcome(*train(CASES["averaging"], kill_at(-1, trained), checkpoint=path)) == undisturbed("averaging")
    assert trained == list(range(6))


def test_without_checkpoint_epochs_nothing_is_written(tmp_path: Path) -> None:
    for options in ({}, {"checkpoint": tmp_path / "c.safetensors"}, {"checkpoint_epochs": 1}):
        train(CASES["plain"], **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["plain", "patience"])
def test_no_checkpoint_is_written_after_the_last_epoch_and_the_file_is_left(name: str, tmp_path: Path) -> None:
    path, restored = tmp_path / "c.safetensors", list[int]()
    train(CASES[name], checkpoint=path, checkpoint_epochs=1)
    train(CASES[name], checkpoint=path, on_resume=lambda records: restored.append(len(records)))
    assert restored == [len(undisturbed(name)[1]) - 1]
