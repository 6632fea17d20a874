"""Searches in MLflow: a run per study, a nested run per trial, each once, in an experiment of their own."""

import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from support.tracking_project import write_project
from support.tracking_store import (
    RUNS,
    STAGE,
    SYNC,
    assert_complete,
    environ,
    experiment,
    results,
    runs_of,
    stage,
    track,
)
from support.tracking_study import REASON, STATES, write_study

from regbench.config.checking import load_params
from regbench.files import read_json, write_json
from regbench.tracking.collection import read_records, results_id
from regbench.tracking.store import find_store

SEARCH = "digits-search"
PARENT = "mlflow.parentRunId"


@pytest.fixture(scope="module")
def logged(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MlflowClient]:
    """A project with one search whose results are in its default store; tests read it only."""
    folder = tmp_path_factory.mktemp("searched")
    write_project(folder)
    write_study(folder)
    shutil.copy(empty_database, folder)
    assert stage(folder, SYNC).returncode == 0
    return folder, MlflowClient(find_store(folder, {}).uri)


@pytest.fixture
def project(logged: tuple[Path, MlflowClient], empty_database: Path, tmp_path: Path) -> Path:
    """A copy of the project with an empty store."""
    ignored = shutil.ignore_patterns("mlflow.db*", "mlartifacts", ".regbench")
    shutil.copytree(logged[0], tmp_path / "copy", ignore=ignored)
    shutil.copy(empty_database, tmp_path / "copy")
    return tmp_path / "copy"


def assert_search(client: MlflowClient) -> dict[str, Run]:
    """The study and its trials are there once, ended as they ended, the trials inside the study; return the runs."""
    runs = runs_of(client, SEARCH)
    assert {name: run.info.status for name, run in runs.items()} == {"l2": "FINISHED", **STATES}
    assert {name: run.data.tags.get(PARENT) for name, run in runs.items()} == {
        "l2": None,
        **dict.fromkeys(STATES, runs["l2"].info.run_id),
    }
    return runs


def curve(client: MlflowClient, run: Run, name: str) -> dict[int, float]:
    return {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}


def test_a_study_and_its_trials_are_there_once(logged: tuple[Path, MlflowClient]) -> None:
    assert_complete(logged[1])
    assert_search(logged[1])
    number = experiment(logged[1], SEARCH).experiment_id
    assert len(logged[1].search_runs([number], run_view_type=ViewType.ALL)) == 1 + len(STATES)


def test_trials_hold_their_values_curves_and_reasons(logged: tuple[Path, MlflowClient]) -> None:
    runs = runs_of(logged[1], SEARCH)
    assert {name: runs[name].data.params for name in STATES} == {
        "l2 0": {"l2": "0.0001", "train.learning_rate": "0.001"},
        "l2 1": {"l2": "0.01", "train.learning_rate": "0.01"},
        "l2 2": {"l2": "0.001", "train.learning_rate": "0.5"},
        "l2 3": {"l2": "1e-06", "train.learning_rate": "0.002"},
    }
    curves = {name: curve(logged[1], runs[name], "validation/loss") for name in STATES}
    assert curves == {"l2 0": {0: 0.9, 1: 0.5}, "l2 1": {0: 2.0}, "l2 2": {}, "l2 3": {0: 0.8, 2: 0.25}}
    values = {name: runs[name].data.metrics.get("search/validation_loss") for name in STATES}
    assert values == {"l2 0": 0.5, "l2 1": None, "l2 2": None, "l2 3": 0.25}
    reasons = {name: (runs[name].data.tags["state"], runs[name].data.tags.get("reason")) for name in STATES}
    assert reasons == {
        "l2 0": ("COMPLETE", None),
        "l2 1": ("PRUNED", None),
        "l2 2": ("FAIL", REASON),
        "l2 3": ("COMPLETE", None),
    }
    assert [runs[name].data.tags["trial"] for name in STATES] == ["0", "1", "2", "3"]
    assert runs["l2 3"].data.metrics["work/wall_seconds"] == 5
    assert runs["l2 3"].info.end_time - runs["l2 3"].info.start_time == 5000


def test_the_study_holds_ranges_winner_curve_and_pictures(logged: tuple[Path, MlflowClient]) -> None:
    folder, client = logged
    run = runs_of(client, SEARCH)["l2"]
    expected = {
        "variant": "l2",
        "l2": "0.1",
        "winner": "0",
        "range.l2": "1e-06 to 0.01, log, start 0.0001",
        "range.train.learning_rate": "0.0001 to 1, log",
        "search.trials": "4",
        "search.sampler": "tpe",
        "search.fresh_seeds": "29 30",
    }
    assert expected.items() <= run.data.params.items()
    assert curve(client, run, "search/best_validation_loss") == {0: 0.5, 1: 0.5, 2: 0.5, 3: 0.25}
    metrics = run.data.metrics
    counts = {name: metrics[f"search/{name}"] for name in ("trials", "complete", "pruned", "fail")}
    assert counts == {"trials": 4, "complete": 2, "pruned": 1, "fail": 1}
    assert metrics["winner/validation_loss"] == pytest.approx(0.295)
    assert metrics["winner/validation_error_pct"] == pytest.approx(10)
    assert metrics["work/epochs"] == 5 and metrics["work/wall_seconds"] == 2 + 3 + 4 + 5
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert artifacts == {"plots", "trials.csv", "curves.csv", "repeats.csv", "summary.json"}
    plots = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "plots")}
    assert plots == {path.name for path in (folder / "studies/l2/plots").iterdir()}
    assert plots == {"history.png", "slice.png", "curves.png", "parallel_coordinate.png"}


def test_importances_are_metrics_and_accuracies_errors(project: Path) -> None:
    write_study(project, "validation_accuracy")
    summary = read_json(project / "studies/l2/summary.json")
    write_json(project / "studies/l2/summary.json", {**summary, "importances": {"l2": 0.75}})
    records = {record.name: record for record in read_records(load_params(project / "params.yaml"), results(project))}
    assert records["l2 3"].curves["validation/error_pct"][2] == pytest.approx(75)
    study = next(record for record in records.values() if record.experiment == SEARCH and not record.parent)
    assert study.summary["importance/l2"] == 0.75
    assert study.curves["search/best_validation_error_pct"] == pytest.approx([50, 50, 50, 50])


def test_the_comparison_knows_nothing_of_searches(logged: tuple[Path, MlflowClient], project: Path) -> None:
    folder, client = logged
    records = read_records(load_params(folder / "params.yaml"), results(folder))
    searched = [record for record in records if record.experiment == SEARCH]
    assert len(records) == RUNS + len(searched) and not any(record.compared for record in searched)
    receipt = track(project)
    assert receipt.comparison == results_id(records[:RUNS])
    assert list(receipt.variants) == ["baseline", "l2"]
    assert not any("comparison" in run.data.tags for run in runs_of(client, SEARCH).values())
    shared = [tag for tag in experiment(client, SEARCH).tags if tag.startswith("mlflow.sharedViewState")]
    assert shared == []


def test_without_ranges_there_is_no_run_and_a_missing_study_is_named(project: Path) -> None:
    (project / "studies/l2/summary.json").unlink()
    done = stage(project)
    assert done.returncode == 2
    assert "studies/l2/summary.json: no such file: run `make repro` first" in done.stderr
    shutil.rmtree(project / "studies/l2")
    track(project)
    assert MlflowClient(find_store(project, {}).uri).get_experiment_by_name(SEARCH) is None
    (project / "studies").rmdir()
    done = stage(project)
    assert done.returncode == 2 and "studies: no such file: run `make repro` first" in done.stderr


def test_second_time_adds_nothing_and_another_search_only_itself(project: Path) -> None:
    first = track(project)
    find_store(project, {}).receipt.unlink()
    assert track(project, ask=True) == first
    client = MlflowClient(find_store(project, {}).uri)
    before = assert_search(client)
    write_study(project, trials=9)
    after = track(project)
    assert after.variants == first.variants and after.comparison == first.comparison
    number = experiment(client, SEARCH).experiment_id
    runs = client.search_runs([number])
    assert Counter(run.info.run_name for run in runs) == dict.fromkeys(["l2", *STATES], 2)
    parents = {run.info.run_id for run in runs if PARENT not in run.data.tags}
    assert Counter(run.data.tags.get(PARENT) for run in runs) == {None: 2, **dict.fromkeys(parents, len(STATES))}
    assert before["l2"].info.run_id in parents


def test_a_study_deleted_in_mlflow_stays_deleted_with_its_trials(project: Path) -> None:
    track(project)
    client = MlflowClient(find_store(project, {}).uri)
    for run in runs_of(client, SEARCH).values():
        client.delete_run(run.info.run_id)
    track(project, ask=True)
    assert runs_of(client, SEARCH) == {}


@pytest.mark.fault
@pytest.mark.slow
def test_killed_among_the_trials_then_again(project: Path) -> None:
    process = subprocess.Popen(STAGE, cwd=project, env=environ(), stderr=subprocess.DEVNULL)
    try:
        # Last of the study's files; trials follow, without files.
        while not list((project / "mlartifacts").rglob("plots/slice.png")):
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.001)
    finally:
        process.kill()
        process.wait()
    with sqlite3.connect(project / "mlflow.db") as connection:
        states = [state for (state,) in connection.execute("select status from runs order by rowid")]
    assert states[:RUNS] == ["FINISHED"] * RUNS and RUNS < len(states) < RUNS + 1 + len(STATES)
    track(project)
    client = MlflowClient(find_store(project, {}).uri)
    assert_complete(client)
    assert_search(client)
