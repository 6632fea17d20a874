"""Studies with the real Optuna: what is tried, pruned, failed and stored, and that nothing depends on interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from support.search_objectives import EPOCHS, SPACE, bowl, deadly, facts, fragile, plan, search, tried

from regbench.config.ranges import Choices, Range
from regbench.errors import IntegrityError
from regbench.search.journal import Journal
from regbench.search.study_files import best_so_far

ROOT = Path(__file__).parents[2]
GRID = {"l2": Choices(choices=(0.001, 0.01)), "dropout": Range(low=0.0, high=0.4, step=0.1)}


@pytest.mark.parametrize(
    ("sampler", "pruner", "parallel"),
    [
        ("tpe", "median", 1),
        ("tpe", "hyperband", 3),
        ("tpe", "asha", 2),
        ("random", "median", 3),
        ("grid", "none", 3),
        ("gp", "none", 1),
        ("gp", "median", 3),
        ("cmaes", "hyperband", 1),
        ("cmaes", "none", 3),
    ],
)
def test_ten_trials_and_ten_more_are_twenty(tmp_path: Path, sampler: str, pruner: str, parallel: int) -> None:
    trials = 6 if sampler == "gp" else 10
    settings: dict[str, Any] = {"sampler": sampler, "pruner": pruner, "parallel": parallel, "grid_points": 5}
    search(plan(trials=trials, **settings), tmp_path / "halves")
    continued = search(plan(trials=2 * trials, **settings), tmp_path / "halves")
    at_once = search(plan(trials=2 * trials, **settings), tmp_path / "whole")
    assert facts(continued) == facts(at_once)
    assert len({tuple(trial.params.values()) for trial in at_once[trials:]}) > 1, "no start-up point is repeated"


@pytest.mark.fault
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_killed_in_the_middle_goes_on_as_if_it_had_not_been(tmp_path: Path, sampler: str) -> None:
    storage = tmp_path / "studies.journal"
    command = [sys.executable, "-m", "support.search_objectives", str(storage), sampler]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}"}
    settings: dict[str, Any] = {"sampler": sampler, "parallel": 2}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    deadline = time.monotonic() + 60
    while not (storage.exists() and len(Journal(storage, plan()).trials) >= 4):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    stored = len(Journal(storage, plan()).trials)
    assert 4 <= stored < 20, "killed in the middle"
    continued = search(plan(trials=20, **settings), storage)
    assert facts(continued) == facts(search(plan(trials=20, **settings), tmp_path / "other"))


@pytest.mark.fault
def test_one_killed_worker_of_several_costs_no_trial_and_doubles_none(tmp_path: Path) -> None:
    made, objective = plan(trials=12, parallel=3), partial(deadly, tmp_path / "died")
    with pytest.raises(BrokenProcessPool):
        search(made, tmp_path / "studies", objective, workers=3)
    assert [trial.number for trial in Journal(tmp_path / "studies", made).trials] in (
        [0, 1, 2],
        [*range(4)],
        [*range(5)],
    )
    continued = search(made, tmp_path / "studies", objective, workers=3)
    assert facts(continued) == facts(search(made, tmp_path / "other"))


def test_a_second_run_tries_nothing(tmp_path: Path) -> None:
    first = search(plan(trials=8), tmp_path / "studies")

    def never(trial: optuna.Trial) -> list[float]:
        raise AssertionError("tried again")

    assert facts(search(plan(trials=8), tmp_path / "studies", never)) == facts(first)
    assert facts(search(plan(trials=5), tmp_path / "studies", never)) == facts(first)[:5], "a smaller budget"


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "cmaes"])
def test_the_number_of_processes_changes_nothing(tmp_path: Path, sampler: str) -> None:
    made = plan(trials=12, sampler=sampler, parallel=3, pruner="median")
    inline = facts(search(made, tmp_path / "inline"))
    for workers in (2, 3):
        assert facts(search(made, tmp_path / f"{workers}", workers=workers)) == inline


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_what_does_not_learn_tries_the_same_set_however_many_are_under_way(tmp_path: Path, sampler: str) -> None:
    sets = [
        tried(search(plan(trials=12, sampler=sampler, parallel=parallel), tmp_path / f"{parallel}", workers=parallel))
        for parallel in (1, 2, 4)
    ]
    assert sets[0] == sets[1] == sets[2]


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_pruning_saves_epochs_and_keeps_the_best(tmp_path: Path, pruner: str) -> None:
    whole = search(plan(trials=30, sampler="random", pruner="none"), tmp_path / "whole")
    pruned = search(plan(trials=30, sampler="random", pruner=pruner), tmp_path / "pruned")
    assert tried(whole) == tried(pruned)
    epochs = [sum(trial.user_attrs["epochs"] for trial in trials) for trials in (whole, pruned)]
    assert epochs[0] == 30 * EPOCHS and epochs[1] < 0.8 * epochs[0]
    assert {trial.state for trial in pruned} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert best_so_far(plan(), pruned)[-1] == best_so_far(plan(), whole)[-1]


def test_a_model_of_the_space_beats_chance(tmp_path: Path) -> None:
    best = [
        best_so_far(plan(), search(plan(trials=40, sampler=sampler, seed=5), tmp_path / sampler))[-1] or 9.0
        for sampler in ("random", "tpe")
    ]
    assert best[1] < best[0]


@pytest.mark.fault
def test_a_diverging_trial_fails_with_its_reason_and_the_study_goes_on(tmp_path: Path) -> None:
    trials = search(plan(trials=15, sampler="random", pruner="none"), tmp_path / "studies", fragile)
    assert len(trials) == 15
    for trial in trials:
        dropout, reason = trial.params["dropout"], trial.user_attrs.get("reason")
        state = TrialState.COMPLETE if 0.1 <= dropout <= 0.3 else TrialState.FAIL
        assert trial.state == state
        expected = {True: "the loss is nan after epoch 0", False: "the objective is [nan], it must be finite"}
        assert reason == (None if state == TrialState.COMPLETE else expected[dropout > 0.3])
    assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.FAIL}


def test_a_grid_is_tried_whole_and_once_and_then_ends(tmp_path: Path) -> None:
    trials = search(plan(GRID, trials=100, sampler="grid", pruner="none"), tmp_path / "studies")
    points = {(trial.params["l2"], round(trial.params["dropout"], 12)) for trial in trials}
    assert len(trials) == 10
    assert points == {(l2, dropout) for l2 in (0.001, 0.01) for dropout in (0.0, 0.1, 0.2, 0.3, 0.4)}
    assert [trial.params for trial in trials] != sorted((trial.params for trial in trials), key=str), "shuffled"


def test_the_start_is_the_first_trial_and_the_sampler_fills_in_the_rest(tmp_path: Path) -> None:
    first = search(plan(trials=2), tmp_path / "studies")[0]
    assert first.params["l2"] == 1e-4 and 0 <= first.params["dropout"] <= 0.5


def test_an_equal_setting_is_not_tried_again(tmp_path: Path) -> None:
    space = {"patience": Choices(choices=(1, 2))}
    calls = tmp_path / "calls"

    def objective(trial: optuna.Trial) -> list[float]:
        with calls.open("a") as file:
            file.write(".")
        return [float(trial.params["patience"])]

    trials = search(plan(space, trials=8, sampler="random", parallel=1), tmp_path / "studies", objective)
    assert len(calls.read_text()) == 2
    assert [trial.values[0] for trial in trials] == [trial.params["patience"] for trial in trials]


def test_the_budget_is_for_a_study_or_for_each_range() -> None:
    assert plan(trials=7).budget == 7
    assert plan(trials=7, per="parameter").budget == 14
    assert plan(GRID, trials=7, per="parameter", sampler="grid").budget == 10, "a grid has no more"


def two_objectives(trial: optuna.Trial) -> list[float]:
    return [trial.params["dropout"], 1 - trial.params["dropout"]]


def test_two_objectives_have_a_front(tmp_path: Path) -> None:
    made = plan(trials=12, second="nonzero_weights", pruner="none")
    trials = search(made, tmp_path / "studies", two_objectives)
    assert all(len(trial.values) == 2 for trial in trials)
    assert facts(trials) == facts(search(made, tmp_path / "again", two_objectives, workers=2))


def test_optuna_reads_the_journal_as_its_own(tmp_path: Path) -> None:
    trials = search(plan(trials=5), tmp_path / "studies")
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(tmp_path / "studies")))
    loaded = optuna.load_study(study_name=plan().name, storage=storage)
    assert facts(loaded.trials) == facts(trials)
    assert set(loaded.trials[0].distributions) == set(SPACE)


@pytest.mark.fault
@pytest.mark.parametrize(
    "line", [b"{}", b'{"op_code": null}', b'{"op_code": 99}', b"[]", b"null", b'{"op_code": 4}', b"[" * 100_000]
)
def test_a_broken_journal_says_what_to_do(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "studies"
    search(plan(trials=1), path, bowl)
    path.write_bytes(path.read_bytes()[:-7] + b"\n" + line + b"\n")
    with pytest.raises(
        IntegrityError, match=r"studies: cannot be read: .*: move it away, then its studies start again"
    ):
        search(plan(trials=2), path, bowl)


@pytest.mark.fault
@pytest.mark.parametrize("cut", [1, 2, 40, 200])
def test_a_line_that_a_kill_left_unfinished_costs_its_trial_and_no_study(tmp_path: Path, cut: int) -> None:
    """The journal goes on behind the last whole line, and the search ends as one that nothing happened to."""
    path = tmp_path / "studies"
    search(plan(trials=4), path, bowl)
    path.write_bytes(path.read_bytes()[:-cut])
    continued = search(plan(trials=8), path, bowl)
    assert facts(continued) == facts(search(plan(trials=8), tmp_path / "whole", bowl))
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert not (tmp_path / "studies.lock").is_symlink(), "the lock is free"
    assert facts(search(plan(trials=8), path, bowl)) == facts(continued)
