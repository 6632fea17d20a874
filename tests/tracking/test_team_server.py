"""The documented server for a team: PostgreSQL, a login, allowed hosts; and four pipelines that log at once."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from moto.server import ThreadedMotoServer
from support.postgresql import PASSWORD, postgresql
from support.serving import free_port
from support.tracking_project import write_project
from support.tracking_store import STAGE, SYNC, environ, stage

pytestmark = pytest.mark.slow

DOCUMENT = (Path(__file__).parents[2] / "docs/team-server.md").read_text()
ADMIN, ADMIN_PASSWORD = "admin", "canary-admin-password"


LOGIN = {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": ADMIN_PASSWORD}
BUCKET = "team"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server that the document's command starts, with its folder and port replaced."""
    with _served(tmp_path_factory.mktemp("team"), {}) as address:
        yield address


@contextmanager
def _served(folder: Path, others: Mapping[str, str], **variables: str) -> Iterator[str]:
    """Start the document's command; `others` replaces more of it, `variables` are added to its environment."""
    port = str(free_port())
    (command,) = re.findall(r"^mlflow server .*$", DOCUMENT, re.MULTILINE)
    (ini,) = re.findall(r"```ini\n(.*?)```", DOCUMENT, re.DOTALL)
    (folder / "auth.ini").write_text(ini.replace("/srv/mlflow", str(folder)))
    for old, new in {**others, "/srv/mlflow": str(folder), "5000": port}.items():
        command = command.replace(old, new)
    assert all(new in command for new in (*others.values(), port))
    words = shlex.split(command)
    with postgresql() as database, (folder / "log").open("wb") as log:
        environment = environ(
            MLFLOW_BACKEND_STORE_URI=database.address,
            MLFLOW_AUTH_CONFIG_PATH=str(folder / "auth.ini"),
            MLFLOW_AUTH_ADMIN_PASSWORD=ADMIN_PASSWORD,
            MLFLOW_FLASK_SERVER_SECRET_KEY="canary-secret-key",
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
            MLFLOW_DISABLE_TELEMETRY="true",
            **variables,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", *words], env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            with urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


@pytest.mark.fault
def test_it_listens_on_loopback_alone(server: str) -> None:
    port = int(server.rpartition(":")[2])
    listening = [found.laddr for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    assert {address.ip for address in listening if address.port == port} == {"127.0.0.1"}


@pytest.mark.fault
@pytest.mark.parametrize(("host", "code"), [("evil.example.com", 403), ("mlflow.example.org", 401)])
def test_other_hosts_are_refused_and_nobody_enters_without_login(server: str, host: str, code: int) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(f"{server}/api/2.0/mlflow/experiments/get?experiment_id=0", headers={"Host": host}), timeout=10)
    assert refused.value.code == code


@pytest.mark.fault
def test_four_pipelines_at_once_lose_and_double_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clones with the same results, and two with other seeds."""
    seeds = {"a": (1,), "b": (1,), "c": (2,), "d": (3,)}
    for name, chosen in seeds.items():
        (tmp_path / name).mkdir()
        write_project(tmp_path / name, ("l2",), seeds=chosen)
    running = {
        name: subprocess.Popen(
            STAGE,
            cwd=tmp_path / name,
            env=environ(MLFLOW_TRACKING_URI=server, **LOGIN),
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in seeds
    }
    told = {name: process.communicate(timeout=240)[1] for name, process in running.items()}
    assert all(process.returncode == 0 for process in running.values())
    # Where two clones began the same run at once, one may give way and say so; the next time it finds the other's.
    for name, words in told.items():
        if "not logged yet" in words:
            assert name in ("a", "b"), words
            assert stage(tmp_path / name, SYNC, MLFLOW_TRACKING_URI=server, **LOGIN).returncode == 0
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    client = MlflowClient(server)
    logged = Counter[str]()
    for ending in ("", "-seeds"):
        experiment = client.get_experiment_by_name(f"digits{ending}")
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        assert {run.info.status for run in runs} == {"FINISHED"}
        logged.update(f"{run.info.run_name}, seeds {run.data.params.get('seeds', '-')}" for run in runs)
        models = client.search_logged_models([experiment.experiment_id])
        assert sorted(str(model.source_run_id) for model in models) == sorted(run.info.run_id for run in runs)
    assert logged == Counter(
        [f"l2, seeds {seed}" for seed in (1, 2, 3)] + [f"l2 {seed}, seeds -" for seed in (1, 2, 3)]
    )
    assert PASSWORD not in str(told) and ADMIN_PASSWORD not in str(told)


def test_models_go_to_s3_through_the_server_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket is moto's, spoken to over HTTP; only the server has its key."""
    key = {
        "AWS_ACCESS_KEY_ID": "canary-key",
        "AWS_SECRET_ACCESS_KEY": "canary-secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    store = ThreadedMotoServer("127.0.0.1", port=free_port(), verbose=False)
    store.start()
    try:
        host, port = store.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        bucket = boto3.resource(
            "s3", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        ).Bucket(BUCKET)
        bucket.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        (tmp_path / "served").mkdir()
        others = {"/srv/mlflow/artifacts": f"s3://{BUCKET}/mlflow"}
        with _served(tmp_path / "served", others, MLFLOW_S3_ENDPOINT_URL=endpoint, **key) as address:
            (tmp_path / "project").mkdir()
            write_project(tmp_path / "project", ("l2",), seeds=(1,))
            done = stage(tmp_path / "project", SYNC, MLFLOW_TRACKING_URI=address, **LOGIN)
            assert done.returncode == 0, done.stderr
            for name, value in LOGIN.items():
                monkeypatch.setenv(name, value)
            client = MlflowClient(address)
            experiment = client.get_experiment_by_name("digits-seeds")
            assert experiment is not None
            (model,) = client.search_logged_models([experiment.experiment_id])
            folder = f"mlflow/{experiment.experiment_id}/models/{model.model_id}/artifacts/"
            kept = {item.key.removeprefix(folder): item for item in bucket.objects.filter(Prefix=folder)}
            assert "data/model.pt2" in kept
            # By its place: asked for by its id, MLflow would look in the process's own store.
            fetched = Path(download_artifacts(model.artifact_location, tracking_uri=address))
            for name, item in kept.items():
                assert (fetched / name).read_bytes() == item.get()["Body"].read(), name
            assert "canary" not in done.stderr + done.stdout
    finally:
        store.stop()
