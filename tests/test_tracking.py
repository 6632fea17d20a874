"""Tracking against a real SQLite store and a real MLflow server on loopback."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType

from regbench.errors import InputError, TrackingError
from regbench.files import write_csv
from regbench.model import load_model
from regbench.params_file import load_params
from regbench.tracking.ledger import bring_up_to_date
from regbench.tracking.receipt import Receipt
from regbench.tracking.records import Results, read_records
from regbench.tracking.server import serve
from regbench.tracking.store import Store, find_store
from tests.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from tests.tracking_project import CLASSES, EPOCHS, FOLDERS, write_project

ROOT = Path(__file__).resolve().parents[1]
STAGE = [sys.executable, "-m", "stages.track", *FOLDERS]
RUNS = 2 + 4
"""Runs of the small project: a variant each, and a variant and seed each."""


def results(folder: Path) -> Results:
    return Results(*(folder / name for name in FOLDERS))


def track(folder: Path, store: Store | None = None, ask: bool = False) -> Receipt:
    store = store or find_store(folder, {})
    return bring_up_to_date(load_params(folder / "params.yaml"), results(folder), store, "fingerprint", ask)


def stage(folder: Path, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*STAGE, *options], cwd=folder, env=environ(**environment), capture_output=True, text=True, timeout=120
    )


def environ(**more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return inherited | {"PYTHONPATH": str(ROOT)} | more


def experiment(client: MlflowClient, name: str) -> Experiment:
    found = client.get_experiment_by_name(name)
    assert found is not None
    return found


def runs_of(client: MlflowClient, name: str, view: int = ViewType.ACTIVE_ONLY) -> dict[str, Run]:
    found = client.search_runs([experiment(client, name).experiment_id], run_view_type=view)
    names = [run.info.run_name for run in found]
    # A second copy of a run would hide in a dictionary.
    assert len(set(names)) == len(names)
    return {run.info.run_name: run for run in found}


def assert_complete(client: MlflowClient, name: str = "digits") -> None:
    """Everything is there, and once."""
    variants, seeds = runs_of(client, name), runs_of(client, f"{name}-seeds")
    assert set(variants) == {"baseline", "l2"}
    assert set(seeds) == {"baseline 1", "baseline 2", "l2 1", "l2 2"}
    for run in [*variants.values(), *seeds.values()]:
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "validation/error_pct")
        assert [point.step for point in history] == list(range(EPOCHS))
        models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
        assert [model.status.name for model in models] == ["READY"]
        assert len(run.outputs.model_outputs) == 1


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MlflowClient]:
    """A project whose results are in its default store; tests read it only."""
    folder = tmp_path_factory.mktemp("logged")
    write_project(folder)
    track(folder)
    return folder, MlflowClient(find_store(folder, {}).uri)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's schema, which takes seconds to make."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def project(empty_database: Path, tmp_path: Path) -> Path:
    """A project of one's own with nothing logged."""
    write_project(tmp_path)
    shutil.copy(empty_database, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with serve(find_store(folder, {}), free_port()) as address:
        yield address


@pytest.fixture
def proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    with faulty_proxy(server) as running:
        yield running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_first_time_logs_everything_once(logged: tuple[Path, MlflowClient]) -> None:
    assert_complete(logged[1])


def test_variant_run_holds_means_interval_and_curves(logged: tuple[Path, MlflowClient]) -> None:
    folder, client = logged
    run = runs_of(client, "digits")["l2"]
    metrics = run.data.metrics
    # Two seeds with accuracies 0.82 and 0.83, and the interval of comparison.csv.
    assert metrics["test/error_pct"] == pytest.approx(17.5)
    assert metrics["test/error_pct_low"] == pytest.approx(14)
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
    assert tags["git_commit"] == tags["git_dirty"] == tags["dvc_lock"] == "unknown"
    assert tags["comparison"] == Receipt.read(find_store(folder, {})).comparison
    assert run.inputs.dataset_inputs[0].dataset.digest == "d" * 32
    tables = {file.path for file in client.list_artifacts(run.info.run_id, "tables")}
    assert tables == {"tables/scores.csv", "tables/per_class.csv", "tables/confusion.csv"}
    report = {file.path for file in client.list_artifacts(run.info.run_id, "report")}
    assert report == {"report/comparison.html", "report/comparison.png"}


def test_duration_is_that_of_the_training(logged: tuple[Path, MlflowClient]) -> None:
    run = runs_of(logged[1], "digits-seeds")["l2 1"]
    assert run.info.end_time - run.info.start_time == 1000 * 2 * EPOCHS


def test_model_carries_the_numbers_of_its_epoch(logged: tuple[Path, MlflowClient]) -> None:
    folder, client = logged
    run = runs_of(client, "digits-seeds")["l2 1"]
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    metrics = {metric.key: metric.value for metric in model.metrics}
    history = pd.read_csv(folder / "runs/l2/seed-1/history.csv")
    assert metrics["validation/accuracy"] == pytest.approx(history.loc[1, "validation_accuracy"])
    assert metrics["test/error_pct"] == pytest.approx(18)
    assert model.tags["classes"] == json.dumps(CLASSES)


def test_second_time_asks_the_store_and_makes_no_copy(project: Path) -> None:
    first = track(project)
    find_store(project, {}).receipt.unlink()
    assert track(project) == first
    assert_complete(MlflowClient(find_store(project, {}).uri))


def test_without_news_mlflow_is_not_imported_and_time_is_short(project: Path) -> None:
    assert stage(project).returncode == 0
    code = f"import sys; from stages.track import main; main({list(FOLDERS)}); sys.exit('mlflow' in sys.modules)"
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert subprocess.run([sys.executable, "-c", code], cwd=project, env=environ(), timeout=60).returncode == 0
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
    # Files that only look newer, as after `dvc checkout`, are read but not asked for.
    os.utime(project / "runs/l2/seed-1/history.csv", (1, 1))
    assert subprocess.run([sys.executable, "-c", code], cwd=project, env=environ(), timeout=60).returncode == 0


def test_lost_database_is_logged_again(project: Path) -> None:
    track(project)
    find_store(project, {}).database.unlink()  # type: ignore[union-attr]
    track(project)
    assert_complete(MlflowClient(find_store(project, {}).uri))


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


def test_kill_in_the_middle_then_again(project: Path) -> None:
    database = project / "mlflow.db"
    process = subprocess.Popen(STAGE, cwd=project, env=environ(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while _count(database, "select count(*) from runs where status = 'FINISHED'") < 1 or not _count(
        database, "select count(*) from runs where status = 'RUNNING'"
    ):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _count(database, "select count(*) from runs where status = 'FINISHED'") < RUNS
    track(project)
    assert_complete(MlflowClient(find_store(project, {}).uri))


def _count(database: Path, query: str) -> int:
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_two_at_once_on_a_fresh_database(tmp_path: Path) -> None:
    project = tmp_path
    write_project(project)
    both = [subprocess.Popen([*STAGE, "--strict"], cwd=project, env=environ()) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert_complete(MlflowClient(find_store(project, {}).uri))


def test_server_down_costs_seconds_and_does_not_fail_the_pipeline(project: Path) -> None:
    address = f"http://user:secret@127.0.0.1:{free_port()}"
    start = time.perf_counter()
    done = stage(project, MLFLOW_TRACKING_URI=address)
    assert time.perf_counter() - start < 30
    assert done.returncode == 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{RUNS} runs not logged yet: {address.replace('user:secret@', '')}: ")
    assert lines[0].endswith("run `make track` when it is back")
    assert "secret" not in done.stderr + done.stdout
    assert stage(project, "--strict", MLFLOW_TRACKING_URI=address).returncode == 4


def on_server(folder: Path, address: str) -> Store:
    """Give each test an experiment of its own on the shared server."""
    write_project(folder, experiment=folder.name)
    return replace(find_store(folder, {}), uri=address)


def test_server_instead_of_a_database(tmp_path: Path, server: str) -> None:
    store = on_server(tmp_path, server)
    track(tmp_path, store)
    client = MlflowClient(server)
    assert_complete(client, tmp_path.name)
    assert experiment(client, tmp_path.name).artifact_location.startswith("mlflow-artifacts:/")
    assert not (tmp_path / "mlartifacts").exists()


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ("500", "runs/create"),
        ("500", "mlflow-artifacts"),
        ("reset", "log-batch"),
        ("slow", "runs/create"),
    ],
)
def test_fault_in_the_middle_is_told_and_mended(
    tmp_path: Path, server: str, proxy: FaultyProxy, fault: Fault, where: str
) -> None:
    store = on_server(tmp_path, proxy.address)
    proxy.set(fault, where)
    with pytest.raises(TrackingError, match=f"{RUNS} runs not logged yet: {proxy.address}: .*run `make track`"):
        track(tmp_path, store)
    proxy.set("ok")
    track(tmp_path, store)
    assert_complete(MlflowClient(server), tmp_path.name)


@pytest.mark.parametrize("where", ["experiments/create", "runs/create", "logged-models", "log-batch", "runs/update"])
def test_lost_reply_makes_no_copy(tmp_path: Path, server: str, proxy: FaultyProxy, where: str) -> None:
    store = on_server(tmp_path, proxy.address)
    proxy.set("lost", where, times=3)
    # Three lost replies are one more than the client bears: the first call gives up, the next one finds its work.
    for _ in range(4):
        try:
            track(tmp_path, store)
            break
        except TrackingError:
            continue
    assert proxy.left == 0
    assert_complete(MlflowClient(server), tmp_path.name)


def test_half_done_is_counted(tmp_path: Path, server: str, proxy: FaultyProxy) -> None:
    store = on_server(tmp_path, proxy.address)
    track(tmp_path, store)
    scores = pd.read_csv(tmp_path / "evaluation/l2/scores.csv")
    write_csv(tmp_path / "evaluation/l2/scores.csv", scores.assign(log_loss=0.4))
    proxy.set("500")
    # The variant's run and its two seeds are new.
    with pytest.raises(TrackingError, match=r"^3 runs not logged yet"):
        track(tmp_path, store)


@pytest.mark.parametrize("name", ["digits", "digits-seeds"])
def test_served_model_answers_with_probabilities(logged: tuple[Path, MlflowClient], name: str) -> None:
    folder, client = logged
    run = runs_of(client, name)["l2" if name == "digits" else "l2 1"]
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"runs:/{run.info.run_id}/model"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = environ(MLFLOW_TRACKING_URI=find_store(folder, {}).uri)
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process)
        images = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 4), dtype=np.uint8)
        expected = load_model(folder / "runs/l2/seed-1").probabilities(torch.from_numpy(images)).numpy()
        for count in (1, 3):
            answer = _post(f"http://127.0.0.1:{port}/invocations", {"inputs": images[:count].tolist()})
            assert np.asarray(answer["predictions"]) == pytest.approx(expected[:count], abs=1e-6)
        with pytest.raises(HTTPError, match="400"):
            _post(f"http://127.0.0.1:{port}/invocations", {"inputs": [[[[300] * 4] * 4]]})
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            with urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{address} does not answer")


def _post(address: str, content: object) -> dict[str, list[list[float]]]:
    request = Request(address, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as reply:
        answer: dict[str, list[list[float]]] = json.load(reply)
        return answer


def test_missing_results_are_named(project: Path) -> None:
    shutil.rmtree(project / "runs/l2/seed-2")
    with pytest.raises(InputError, match=r"runs/l2/seed-2/.*: no such file: run `make repro` first"):
        read_records(load_params(project / "params.yaml"), results(project))
    assert stage(project).returncode == 2


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
