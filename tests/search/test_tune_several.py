"""Several studies at once: they share workers and results, and none of them disturbs another."""

import asyncio
import gc
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from optuna.trial import FrozenTrial
from support.search_objectives import bowl, executor, plan
from support.searches import L2, RANGE, engine, files, make, prepare_images, search, trained

from regbench.engine.executor import Executor
from regbench.errors import DivergedError
from regbench.search.journal import Journal
from regbench.search.plan import Plan
from regbench.search.study import Objective, run_study
from regbench.search.tune import tune

MEETING = "MEETING"
"""Environment variable with the folder in which trials of two studies meet."""
DROPOUT = {"recipe": "plain", "dropout": {"low": 0.0, "high": 0.5}}
MANY = {"v": L2, "w": DROPOUT, "fixed": {"recipe": "plain", "l2": 0.1}}
DIVERGING = {"recipe": "plain", "train": {"learning_rate": {"low": 1e29, "high": 1e30}}}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_images(tmp_path_factory.mktemp("tune"))


@pytest.fixture(autouse=True)
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no plots, which take most of the time of a tiny search."""
    monkeypatch.setattr("regbench.search.tune.write_plots", lambda *arguments: None)


def first_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[0]


def long_trial(trial: optuna.Trial) -> list[float]:
    """Wait until the other study has ended all of its trials."""
    deadline = time.monotonic() + 60
    while len(list(Path(os.environ[MEETING]).iterdir())) < 4:
        assert time.monotonic() < deadline, "the other study waits for this one"
        time.sleep(0.01)
    return bowl(trial)


def short_trial(trial: optuna.Trial) -> list[float]:
    (Path(os.environ[MEETING]) / str(trial.number)).touch()
    return bowl(trial)


def test_studies_share_workers_and_do_not_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One study's only trial lasts until all four trials of the other one are over."""
    (tmp_path / "meeting").mkdir()
    monkeypatch.setenv(MEETING, str(tmp_path / "meeting"))
    pairs: list[tuple[Plan, Objective]] = [
        (plan(name="long", trials=1), long_trial),
        (plan(name="short", trials=4, parallel=1), short_trial),
    ]

    async def both() -> list[list[FrozenTrial]]:
        with executor("spawn", 2) as pool:
            journals = [Journal(tmp_path / "journal", made) for made, _ in pairs]
            studies = zip(pairs, journals, strict=True)
            return await asyncio.gather(*(run_study(made, own, pool, tried) for (made, tried), own in studies))

    assert [len(trials) for trials in asyncio.run(both())] == [1, 4]


@pytest.fixture(scope="module")
def inline(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a search in this process alone leaves."""
    folder = tmp_path_factory.mktemp("inline")
    search(make(MANY, parallel=3), images, folder)
    return folder


@pytest.mark.parametrize(("kind", "workers"), [("forkserver", 3), pytest.param("spawn", 2, marks=pytest.mark.slow)])
def test_results_do_not_depend_on_the_executor(
    images: Path, inline: Path, tmp_path: Path, kind: str, workers: int
) -> None:
    search(make(MANY, parallel=3), images, tmp_path, kind, workers)
    assert files(tmp_path) == {name: content for name, content in files(inline).items() if "/plots/" not in name}
    assert set(trained(tmp_path)) == set(trained(inline))


def kill() -> None:
    signal.raise_signal(signal.SIGKILL)


def break_pool() -> None:
    raise BrokenProcessPool


class Replacing:
    """Executes `other` instead of the training that is submitted in some place, counted from 1."""

    def __init__(self, executor: Executor, place: int, other: Callable[[], None]) -> None:
        self.executor, self.place, self.other, self.submitted = executor, place, other, 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        self.submitted += 1
        if self.submitted == self.place:
            return self.executor.submit(self.other)
        return self.executor.submit(function, *arguments)


@pytest.mark.fault
def test_a_killed_worker_is_one_exception_and_the_next_search_ends_with_the_same_files(
    images: Path, inline: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the trials that fail beside the one that is waited for, asyncio says nothing."""
    places = (
        images / "data",
        images / "augmented",
        tmp_path / "tuned",
        tmp_path / "studies",
        tmp_path / "studies.journal",
    )
    with pytest.raises(BrokenProcessPool), engine(tmp_path, "forkserver", 3) as made:
        tune(replace(made, executor=Replacing(made.executor, 3, kill)), make(MANY, parallel=3), *places)
    gc.collect()
    assert caplog.messages == []
    with engine(tmp_path, "forkserver", 3) as made:
        tune(made, make(MANY, parallel=3), *places)
    assert files(tmp_path) == {name: content for name, content in files(inline).items() if "/plots/" not in name}


@pytest.mark.fault
def test_a_study_that_is_done_is_written_while_another_one_is_searched(images: Path, tmp_path: Path) -> None:
    """The short study has two trainings; the long one, trial after trial, breaks in its sixth."""
    variants = {"short": {**L2, "search": {"trials": 1}}, "long": DROPOUT}
    params = make(variants, trials=6, parallel=1, top_k=1, fresh_seeds=(29,))
    places = [tmp_path / name for name in ("tuned", "studies", "studies.journal")]
    with pytest.raises(BrokenProcessPool), engine(tmp_path) as made:
        broken = replace(made, executor=Replacing(made.executor, 8, break_pool))
        tune(broken, params, images / "data", images / "augmented", *places)
    assert {path.name for path in (tmp_path / "studies").iterdir()} == {"short"}
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == {"short.json"}


def test_equal_studies_are_searched_once(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = search(make({"v": L2, "twin": L2}), images, tmp_path / "two")
    assert first_line(capsys) == "tune: 2 studies needed, 0 found, 1 to search"
    assert found["v"] == found["twin"] == search(make(), images, tmp_path / "one")["v"]
    assert set(trained(tmp_path / "two")) == set(trained(tmp_path / "one"))
    tables = [(tmp_path / "two/studies" / name / "timings.csv").read_bytes() for name in ("v", "twin")]
    assert tables[0] == tables[1]


def test_studies_that_differ_in_their_budget_alone_share_trials_and_have_each_its_own_number(
    images: Path, tmp_path: Path
) -> None:
    twin = {**L2, "search": {"trials": 6}}
    for order in ({"v": L2, "twin": twin}, {"twin": twin, "v": L2}):
        out = tmp_path / "-".join(order)
        search(make(order), images, out)
        few, more = (pd.read_csv(out / f"studies/{name}/timings.csv") for name in ("v", "twin"))
        assert (len(few), len(more)) == (4, 6) and more.iloc[:4].equals(few)
    search(make({"twin": twin}), images, tmp_path / "alone")
    alone = (tmp_path / "alone/studies/twin/trials.csv").read_bytes()
    assert alone == (tmp_path / "v-twin/studies/twin/trials.csv").read_bytes()


def test_a_renamed_variant_searches_nothing_and_the_old_name_s_files_go(images: Path, tmp_path: Path) -> None:
    before = search(make({"v": L2, "w": DROPOUT}), images, tmp_path)
    known, seconds = trained(tmp_path), (tmp_path / "studies/v/timings.csv").read_bytes()
    after = search(make({"renamed": L2, "w": DROPOUT}), images, tmp_path)
    assert after == {"renamed": before["v"], "w": before["w"]}
    assert trained(tmp_path) == known
    assert (tmp_path / "studies/renamed/timings.csv").read_bytes() == seconds
    assert {path.name for path in (tmp_path / "studies").iterdir()} == {"renamed", "w"}
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == {"renamed.json", "w.json"}


def test_without_its_range_a_variant_keeps_no_study(images: Path, tmp_path: Path) -> None:
    search(make({"v": L2, "w": DROPOUT}), images, tmp_path)
    found = search(make({"v": {"recipe": "plain", "l2": 0.01}}), images, tmp_path)
    assert found["v"].l2 == 0.01
    assert list((tmp_path / "studies").iterdir()) == []
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == {"v.json"}


def test_a_changed_study_is_searched_alone(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(make({"v": L2, "w": DROPOUT}), images, tmp_path)
    table = tmp_path / "studies/w/trials.csv"
    known, written = trained(tmp_path), table.stat().st_mtime_ns
    capsys.readouterr()
    search(make({"v": {**L2, "l2": {**RANGE, "high": 1e-2}}, "w": DROPOUT}), images, tmp_path)
    assert first_line(capsys) == "tune: 2 studies needed, 1 found, 1 to search"
    assert table.stat().st_mtime_ns == written
    new = [name for name in trained(tmp_path) if name not in known]
    specs = [json.loads((tmp_path / name / "spec.json").read_text()) for name in new]
    assert specs and all(spec["strengths"]["dropout"] == 0 for spec in specs)


def test_one_diverging_study_does_not_stop_the_others(images: Path, tmp_path: Path) -> None:
    params = make({"bad": DIVERGING, "v": L2, "worse": {**DIVERGING, "l2": 0.1}, "w": DROPOUT})
    with pytest.raises(DivergedError) as caught:
        search(params, images, tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.split(": none of 4")[0] for line in lines] == [
        "params.yaml: variants.bad",
        "params.yaml: variants.worse",
    ]
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == {"v.json", "w.json"}
    shutil.rmtree(tmp_path / "store/runs")
    known = files(tmp_path)
    with pytest.raises(DivergedError):
        search(params, images, tmp_path)
    assert files(tmp_path) == known and trained(tmp_path) == {}, "found, also the trials that failed"
