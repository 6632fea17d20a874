"""Stores that are lost while results are logged, or cannot be written: the pipeline ends, and nothing is doubled."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from sqlalchemy.engine import make_url
from support.disks import fill, forbid_writing, small_disk
from support.forwarding import forwarded
from support.hosts import Network, two_hosts
from support.postgresql import PASSWORD, Server, postgresql
from support.serving import free_port
from support.tracking_project import write_project
from support.tracking_store import RUNS, STAGE, SYNC, assert_complete, environ, stage

from regbench.runtime.redaction import redact
from regbench.tracking.server import serve
from regbench.tracking.silence import SILENCE, limit_silence
from regbench.tracking.store import Store, find_store

SECONDS = 200
"""In which a stage whose store was lost has ended, also on a busy machine; it would wait for minutes or hours."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with results, and with experiments of its own on a shared server."""
    (tmp_path / "project").mkdir()
    write_project(tmp_path / "project", experiment=tmp_path.name)
    return tmp_path / "project"


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    with postgresql() as server:
        MlflowClient(server.address).search_experiments()  # Its tables, which take seconds to make.
        yield server


@pytest.fixture
def network() -> Iterator[Network]:
    with two_hosts() as made:
        if not made.first.link:
            pytest.skip("no network namespaces here, whose link could be cut")
        yield made


def assert_told(code: int, said: str, address: str) -> None:
    """The stage has ended well, and one line says how many runs are missing, where, and what to do."""
    (line,) = said.splitlines()
    missing, _, rest = line.partition(" ")
    assert code == 0 and 0 < int(missing) <= RUNS, said
    assert rest.startswith(f"runs not logged yet: {redact(address)}: ") and PASSWORD not in line
    assert line.endswith("run `regbench sync` when it is back")


def assert_sync_completes(project: Path, address: str) -> None:
    done = stage(project, SYNC, MLFLOW_TRACKING_URI=address)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert_complete(MlflowClient(address), project.parent.name)


def lose(project: Path, address: str, artifacts: Path, harm: Callable[[], object], *enter: str) -> tuple[int, str]:
    """Run the stage, and do `harm` as soon as it has logged a network; return its exit code and what it says."""
    process = subprocess.Popen(
        [*enter, *STAGE], cwd=project, env=environ(MLFLOW_TRACKING_URI=address), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 300
    while not list(artifacts.rglob("MLmodel")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    harm()
    _, said = process.communicate(timeout=SECONDS)
    return process.returncode, said


@pytest.mark.slow
@pytest.mark.fault
def test_a_server_is_killed_in_the_middle_and_returns(project: Path, tmp_path: Path) -> None:
    store, port = find_store(tmp_path, {}), free_port()

    def kill() -> None:
        (server,) = [child for child in psutil.Process().children() if str(port) in child.cmdline()]
        os.killpg(server.pid, signal.SIGKILL)

    with serve(store, port) as address:
        assert_told(*lose(project, address, store.artifacts, kill), address)
    with serve(store, port) as address:
        assert_sync_completes(project, address)


@pytest.mark.slow
@pytest.mark.fault
def test_a_database_is_restarted_in_the_middle(project: Path, database: Server) -> None:
    """Connections break; whether one is asked for while nobody listens is a matter of moments."""
    restart = partial(database.do, "-m", "immediate", "restart")
    code, said = lose(project, database.address, project / "mlartifacts", restart)
    assert code == 0
    if said:
        assert_told(code, said, database.address)
    assert_sync_completes(project, database.address)


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.parametrize("kind", ["a database", "a server"])
def test_the_network_to_a_store_is_cut_in_the_middle(
    project: Path, database: Server, network: Network, tmp_path: Path, kind: str
) -> None:
    """A real link, of a network namespace, that is down until the stage has ended: no packet is answered or refused."""
    if kind == "a database":
        _cut(project, database.address, database.port, project / "mlartifacts", network)
        return
    store, port = Store(database.address, tmp_path), free_port()
    with serve(store, port) as address:
        _cut(project, address, port, store.artifacts, network)


def _cut(project: Path, address: str, port: int, artifacts: Path, network: Network) -> None:
    with forwarded(network.head, port) as outer:
        seen = address.replace(f"127.0.0.1:{port}", f"{network.head}:{outer}")
        with network.first.until_restored() as cut:
            assert_told(*lose(project, seen, artifacts, cut, *network.first.enter), seen)
        assert_sync_completes(project, seen)


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_gets_limits_of_its_own_library_beside_those_of_the_user(driver: str) -> None:
    url = make_url(limit_silence(f"{driver}://u:p%40%3F@h:1/db?sslmode=require&keepalives_idle=60"))
    assert (url.password, url.host, url.port, url.database) == ("p@?", "h", 1, "db")
    assert url.query == {**SILENCE, "sslmode": "require", "keepalives_idle": "60"}


@pytest.mark.parametrize("address", ["sqlite:////a/mlflow.db", "http://u:p@h:1/a?b=c", "mysql+pymysql://u:p@h/d", "x"])
def test_other_addresses_are_as_they_were(address: str) -> None:
    assert limit_silence(address) == address


@pytest.mark.slow
@pytest.mark.fault
def test_a_database_on_a_full_disk_takes_the_runs_when_there_is_room(
    project: Path, tmp_path: Path, empty_database: Path
) -> None:
    with small_disk(tmp_path / "disk", 40_000) as disk:
        shutil.copy2(empty_database, disk / "mlflow.db")
        address, filler = f"sqlite:///{disk}/mlflow.db", fill(disk)
        done = stage(project, MLFLOW_TRACKING_URI=address)
        assert_told(done.returncode, done.stderr, address)
        assert "disk is full" in done.stderr or "No space left on device" in done.stderr
        assert stage(project, SYNC, MLFLOW_TRACKING_URI=address).returncode == 4
        filler.unlink()
        assert_sync_completes(project, address)


@pytest.mark.slow
@pytest.mark.fault
def test_a_database_that_may_only_be_read_is_named_and_fails_no_pipeline(
    project: Path, tmp_path: Path, empty_database: Path
) -> None:
    with small_disk(tmp_path / "disk", 4_000) as disk:
        shutil.copy2(empty_database, disk / "mlflow.db")
        forbid_writing(disk)
        address = f"sqlite:///{disk}/mlflow.db"
        done = stage(project, MLFLOW_TRACKING_URI=address)
        assert_told(done.returncode, done.stderr, address)
        strict = stage(project, SYNC, MLFLOW_TRACKING_URI=address)
        assert strict.returncode == 4 and "Traceback" not in strict.stderr and f"{disk}/mlflow.db" in strict.stderr
        assert (disk / "mlflow.db").read_bytes() == empty_database.read_bytes()


@pytest.mark.slow
@pytest.mark.fault
def test_a_database_that_is_damaged_is_named_and_left_as_it_is(project: Path, empty_database: Path) -> None:
    """Its header is overwritten; `regbench doctor` tells to restore it."""
    damaged = project / "mlflow.db"
    damaged.write_bytes(b"no database here" + empty_database.read_bytes()[16:])
    before = damaged.read_bytes()
    done = stage(project)
    assert_told(done.returncode, done.stderr, f"sqlite:///{damaged}")
    assert "file is not a database" in done.stderr and "Traceback" not in done.stderr
    assert stage(project, SYNC).returncode == 4
    assert damaged.read_bytes() == before
    shutil.copy2(empty_database, damaged)
    assert stage(project, SYNC).returncode == 0
    assert_complete(MlflowClient(f"sqlite:///{damaged}"), project.parent.name)
