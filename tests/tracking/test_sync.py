"""What is logged, and that it is logged once, in a real SQLite store."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from support.tracking_project import EPOCHS, FOLDERS, write_project
from support.tracking_store import RUNS, assert_complete, contents, experiment, results, runs_of, stage, track

from regbench.config.checking import load_params
from regbench.errors import InputError, TrackingError
from regbench.files import write_csv, write_json
from regbench.tracking.collection import read_records
from regbench.tracking.pages import CHARTS, METRICS, TAGS
from regbench.tracking.receipt import Receipt
from regbench.tracking.runs import KEY
from regbench.tracking.store import find_store


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MlflowClient]:
    """A project whose results are in its default store; tests read it only."""
    folder = tmp_path_factory.mktemp("logged")
    write_project(folder)
    track(folder)
    return folder, MlflowClient(find_store(folder, {}).uri)


@pytest.fixture
def project(empty_database: Path, tmp_path: Path) -> Path:
    """A project of one's own with nothing logged."""
    write_project(tmp_path)
    shutil.copy(empty_database, tmp_path)
    return tmp_path


def test_first_time_logs_everything_once(logged: tuple[Path, MlflowClient]) -> None:
    assert_complete(logged[1])


def test_variant_run_holds_means_interval_and_curves(logged: tuple[Path, MlflowClient]) -> None:
    folder, client = logged
    run = runs_of(client, "digits")["l2"]
    metrics = run.data.metrics
    # Two seeds with accuracies 0.81 and 0.82, and the interval of comparison.csv.
    assert metrics["test/error_pct"] == pytest.approx(18.5)
    assert metrics["test/error_pct_low"] == pytest.approx(15)
    assert metrics["test/error_pct_high"] == pytest.approx(22)
    assert metrics["weights/zero_pct"] == pytest.approx(25)
    assert metrics["work/wall_seconds"] == pytest.approx(2.0 * EPOCHS)
    assert metrics["work/cpu_seconds"] == pytest.approx(1.5 * EPOCHS)
    curves = pd.read_csv(folder / "reports/curves.csv")
    expected = curves[curves["variant"] == "l2"]["validation_accuracy"]
    history = client.get_metric_history(run.info.run_id, "validation/error_pct")
    assert [point.value for point in history] == pytest.approx([100 - 100 * value for value in expected])
    # MLflow draws bars only of metrics whose single step is 0.
    assert [point.step for point in client.get_metric_history(run.info.run_id, "test/error_pct")] == [0]


def test_system_metrics_are_curves_where_they_are_asked_for(project: Path) -> None:
    params = load_params(project / "params.yaml")
    assert not any("system/" in name for record in read_records(params, results(project)) for name in record.seconds)
    asked = params.model_copy(update={"track": params.track.model_copy(update={"system_metrics": True})})
    record = read_records(asked, results(project))[-1]
    assert record.seconds["system/cpu_utilization_percentage"] == [75.0] * EPOCHS
    assert record.seconds["system/system_memory_usage_megabytes"] == [300.0 + epoch for epoch in range(EPOCHS)]
    assert record.key == read_records(params, results(project))[-1].key, "they are no results"


def test_a_variant_may_have_the_name_of_a_missing_value(tmp_path: Path) -> None:
    write_project(tmp_path, variants=("baseline", "NA"))
    assert {"NA", "NA 1"} <= {
        record.name for record in read_records(load_params(tmp_path / "params.yaml"), results(tmp_path))
    }


def test_what_auto_took_is_told_by_tags(project: Path) -> None:
    write_json(project / "runs/l2/seed-2/spec.json", {"hardware": {"device": "cuda", "precision": "bfloat16"}})
    records = {record.name: record for record in read_records(load_params(project / "params.yaml"), results(project))}
    machines = {name: (record.machine["device"], record.machine["precision"]) for name, record in records.items()}
    usual = ("cpu", "float32")
    assert machines.pop("l2 2") == ("cuda", "bfloat16") and set(machines.values()) == {usual}
    (project / "runs/l2/seed-2/spec.json").unlink()
    with pytest.raises(InputError, match=r"spec.json: no such file: run `make repro` first"):
        read_records(load_params(project / "params.yaml"), results(project))


def test_variant_run_holds_params_tags_and_tables(logged: tuple[Path, MlflowClient]) -> None:
    folder, client = logged
    run = runs_of(client, "digits")["l2"]
    expected = {
        "variant": "l2",
        "l2": "0.1",
        "dropout": "0",
        "train.epochs": "3",
        "model.hidden": "8",
        "seeds": "1 2",
    }
    assert expected.items() <= run.data.params.items()
    tags = run.data.tags
    assert tags["data_hash"] == "d" * 64
    assert tags["git_commit"] == tags["git_dirty"] == tags["dvc_lock"] == tags["command"] == "unknown"
    assert tags["dvc_stage"] == "train" and tags["mlflow.source.name"] == "dvc repro train"
    assert (tags["processor"], tags["software"]) == ("Sample CPU", "python 3, torch 2")
    assert (tags["device"], tags["precision"]) == ("cpu", "float32")
    # The second variant in params.yaml; what MLflow chooses by itself repeats.
    assert tags["mlflow.runColor"] == "#0072B2"
    assert (tags["verdict"], tags["verdict_by_log_loss"], tags["seeds_needed"]) == ("undecided", "better", "12")
    baseline = runs_of(client, "digits")["baseline"].data.tags
    assert baseline["verdict"] == "reference" and "seeds_needed" not in baseline and "same_network_as" not in tags
    assert tags["comparison"] == Receipt.read(find_store(folder, {})).comparison
    assert run.inputs.dataset_inputs[0].dataset.digest == "d" * 32
    tables = {file.path for file in client.list_artifacts(run.info.run_id, "tables")}
    assert tables == {"tables/scores.csv", "tables/per_class.csv", "tables/confusion.csv"}
    report = {file.path for file in client.list_artifacts(run.info.run_id, "report")}
    assert report == {"report/comparison.html", "report/comparison.png", f"report/{run.data.tags['variant']}.png"}


def test_the_pages_show_what_the_runs_have(logged: tuple[Path, MlflowClient]) -> None:
    """MLflow leaves out a chart or a column that no run has, without a word."""
    data = runs_of(logged[1], "digits")["l2"].data
    shown = {chart["metricKey"] for chart in CHARTS if "metricKey" in chart}
    shown |= {chart[axis]["key"] for chart in CHARTS if chart["type"] == "SCATTER" for axis in ("xaxis", "yaxis")}
    (strengths,) = [chart for chart in CHARTS if chart["type"] == "PARALLEL"]
    assert shown | {*strengths["selectedMetrics"], *METRICS} <= set(data.metrics)
    assert set(strengths["selectedParams"]) <= set(data.params) and set(TAGS) <= set(data.tags)


def test_the_note_begins_with_how_the_variant_compares(logged: tuple[Path, MlflowClient]) -> None:
    runs = runs_of(logged[1], "digits")
    notes = {name: run.data.tags["mlflow.note.content"].split("\n\n")[0] for name, run in runs.items()}
    assert notes["baseline"] == "The baseline: all other variants are compared with it."
    assert notes["l2"] == (
        "Not significantly different from baseline: 1.00 points less test error (95 % interval -2.00 to 4.00); "
        "12 seeds per variant would decide."
    )


def test_a_note_follows_the_verdict_unless_somebody_wrote_it(project: Path) -> None:
    track(project)
    client = MlflowClient(find_store(project, {}).uri)
    run = runs_of(client, "digits")["l2"]
    table = project / "reports/comparison.csv"
    for written, verdict, expected in (
        ("", "better", "Better than baseline"),
        ("", "worse", "Worse than baseline"),
        ("Mine.", "better", "Mine."),
    ):
        if written:
            client.set_tag(run.info.run_id, "mlflow.note.content", written)
        rows = pd.read_csv(table)
        rows.loc[rows["variant"] == "l2", "verdict"] = verdict
        write_csv(table, rows)
        (project / "reports/comparison.html").write_text(verdict)
        track(project)
        note = client.get_run(run.info.run_id).data.tags["mlflow.note.content"]
        assert note.startswith(expected)


def test_duration_is_that_of_the_training(logged: tuple[Path, MlflowClient]) -> None:
    run = runs_of(logged[1], "digits-seeds")["l2 1"]
    assert run.info.end_time - run.info.start_time == 1000 * 2 * EPOCHS


def test_second_time_asks_the_store_and_makes_no_copy(project: Path) -> None:
    first = track(project)
    find_store(project, {}).receipt.unlink()
    assert track(project) == first
    assert_complete(MlflowClient(find_store(project, {}).uri))


def test_a_new_experiment_is_not_searched_and_later_each_run_is_searched_for_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    search = MlflowClient.search_runs

    def search_runs(self: MlflowClient, experiments: list[str], query: str = "", *rest: Any, **more: Any) -> Any:
        searched.append(query)
        return search(self, experiments, query, *rest, **more)

    monkeypatch.setattr(MlflowClient, "search_runs", search_runs)
    logged = track(project).runs
    assert not any(KEY in query for query in searched)
    track(project, ask=True)
    assert sorted(query for query in searched if KEY in query) == sorted(f"tags.`{KEY}` = '{key}'" for key in logged)


@pytest.mark.slow
def test_without_news_nothing_that_takes_seconds_is_imported(project: Path) -> None:
    assert stage(project).returncode == 0
    code = f"import sys; from stages.track import main; main({list(FOLDERS)}); print(*sys.modules)"
    imported = set(stage(project, [sys.executable, "-c", code]).stdout.split())
    assert "regbench.layout" in imported and not {"mlflow", "pandas", "torch", "pydantic"} & imported
    # Files that only look newer, as after `dvc checkout`, are read but not asked for.
    os.utime(project / "runs/l2/seed-1/history.csv", (1, 1))
    imported = set(stage(project, [sys.executable, "-c", code]).stdout.split())
    assert "pandas" in imported and not {"mlflow", "torch"} & imported


@pytest.mark.slow
def test_lost_database_is_logged_again(project: Path) -> None:
    # In processes of their own: within one, MLflow keeps the deleted file open and goes on reading it.
    assert stage(project).returncode == 0
    shutil.copy(project / "mlflow.db", project / "before.db")
    (project / "mlflow.db").unlink()
    assert stage(project).returncode == 0
    assert_complete(MlflowClient(find_store(project, {}).uri))
    before = replace(find_store(project, {}), uri=f"sqlite:///{project / 'before.db'}")
    assert contents(find_store(project, {})) == contents(before)


def test_changed_result_makes_new_runs_of_that_variant_only(project: Path) -> None:
    before = track(project)
    scores = pd.read_csv(project / "evaluation/l2/scores.csv")
    scores.loc[0, "log_loss"] = 0.4
    write_csv(project / "evaluation/l2/scores.csv", scores)
    (project / "reports/comparison.html").write_text("<h1>newer</h1>", encoding="utf-8")
    after = track(project)
    assert after.variants["baseline"] == before.variants["baseline"]
    assert after.variants["l2"] != before.variants["l2"]
    # Seed 2 of l2 is as it was.
    assert len(set(after.runs.values()) - set(before.runs.values())) == 2
    client = MlflowClient(find_store(project, {}).uri)
    number = experiment(client, "digits").experiment_id
    found = client.search_runs([number], f"tags.comparison = '{after.comparison}'")
    assert {run.info.run_id for run in found} == set(after.variants.values())
    report = Path(client.download_artifacts(after.variants["baseline"], "report/comparison.html", str(project)))
    assert report.read_text(encoding="utf-8") == "<h1>newer</h1>"


def test_other_timings_make_no_new_run(project: Path) -> None:
    before = track(project)
    timings = pd.read_csv(project / "timings/l2.csv")
    write_csv(project / "timings/l2.csv", timings.assign(wall_seconds=9.0))
    assert track(project, ask=True).runs == before.runs


def test_run_deleted_in_mlflow_stays_deleted(project: Path) -> None:
    receipt = track(project)
    client = MlflowClient(find_store(project, {}).uri)
    client.delete_run(receipt.variants["l2"])
    assert list(track(project, ask=True).variants) == ["baseline"]
    assert set(runs_of(client, "digits")) == {"baseline"}


def test_deleted_experiment_is_named(project: Path) -> None:
    track(project)
    client = MlflowClient(find_store(project, {}).uri)
    client.delete_experiment(experiment(client, "digits").experiment_id)
    with pytest.raises(TrackingError, match="experiment 'digits' was deleted in MLflow: restore it there"):
        track(project, ask=True)


def test_missing_results_are_named(project: Path) -> None:
    shutil.rmtree(project / "runs/l2/seed-2")
    with pytest.raises(InputError, match=r"runs/l2/seed-2/.*: no such file: run `make repro` first"):
        read_records(load_params(project / "params.yaml"), results(project))
    assert stage(project).returncode == 2


def test_missing_report_is_named(project: Path) -> None:
    (project / "reports/comparison.png").unlink()
    with pytest.raises(InputError, match=r"reports/comparison.png: no such file: run `make repro` first"):
        track(project)


def test_key_depends_on_results_only(project: Path) -> None:
    def keys() -> list[str]:
        return [record.key for record in read_records(load_params(project / "params.yaml"), results(project))]

    before = keys()
    assert len(set(before)) == RUNS
    (project / "reports/comparison.html").write_text("other", encoding="utf-8")
    assert keys() == before
    weights = project / "runs/l2/seed-2/model.safetensors"
    shutil.copy(project / "runs/baseline/seed-1/model.safetensors", weights)
    # Seed 2 of l2 is the last record; the variant's run holds the model of seed 1.
    assert keys()[:-1] == before[:-1]
    assert keys()[-1] != before[-1]
