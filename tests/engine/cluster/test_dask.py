"""A real Dask cluster, two workers on two hosts: the bytes of this process, whatever dies meanwhile."""

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from distributed import Client
from support.cluster_training import EPOCHS, Reference, Training, long_params
from support.dask_cluster import Cluster, dask_cluster
from support.hosts import Network, two_hosts
from support.small_engine import runs, train_all, write_data
from support.small_study import small_params, trained

from regbench.engine.cluster.cache import INPUTS
from regbench.engine.cluster.parcel import ClusterError
from regbench.engine.run import Engine, open_engine

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with two_hosts() as network:
        yield network


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def cluster(network: Network, tmp_path: Path) -> Iterator[Cluster]:
    with dask_cluster(network, tmp_path / "workers") as cluster:
        yield cluster


@pytest.fixture
def head(data: Path, tmp_path: Path) -> Path:
    """Return the head's folder, with the data; workers may be kept from seeing it."""
    shutil.copytree(data, tmp_path / "head/data")
    return tmp_path / "head"


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(data, tmp_path_factory.mktemp("here"))


def engine_on(cluster: Cluster, head: Path, **compute: object) -> AbstractContextManager[Engine]:
    settings = {"device": "cpu", "executor": "dask", "dask": {"address": cluster.address}, **compute}
    return open_engine(type(small_params().compute).model_validate(settings), head / "store")


def training_on(cluster: Cluster, head: Path) -> Training:
    return Training(lambda: engine_on(cluster, head), head, long_params())


def test_a_worker_with_the_heads_files_and_one_without_give_the_same_bytes(
    cluster: Cluster, head: Path, expected: Reference
) -> None:
    cluster.start_worker("near", cluster.network.first)
    cluster.start_worker("far", cluster.network.second, hidden=head)
    cluster.wait_for_workers(2)
    params = small_params()
    with engine_on(cluster, head) as engine:
        train_all(engine, params, head / "data")
    assert runs(head / "store") == expected(params)
    sent = {name: sorted((cluster.folder / name).glob(f"regbench-*/{INPUTS}/*")) for name in ("near", "far")}
    assert sent["near"] == [] and 2 <= len(sent["far"]) <= 4, "data, and the augmentations of what it trained"
    assert not [path for path in (cluster.folder / "far").glob("regbench-*/work/*")], "what went home is not kept"
    with Client(cluster.address, set_as_default=False) as client:
        names = client.run_on_scheduler(lambda dask_scheduler: [str(task[0]) for task in dask_scheduler.transition_log])
    assert {name.rpartition("-")[0] for name in names} >= {f"{v} seed {s}" for v in params.variants for s in (128, 129)}
    lines = [json.loads(line) for line in (head / "live/l2-128.jsonl").read_text().splitlines()]
    assert len(lines) == params.train.epochs + 2 and lines[-1]["ended"] == "FINISHED"
    assert list(head.glob("store/.home-*")) == []


@pytest.mark.fault
def test_a_killed_worker_costs_its_trainings_alone(cluster: Cluster, head: Path, expected: Reference) -> None:
    for name, host in (("first", cluster.network.first), ("second", cluster.network.second)):
        cluster.start_worker(name, host)
    cluster.wait_for_workers(2)
    training = training_on(cluster, head)
    training.wait_for_epochs(EPOCHS * 5 // 2)
    finished = trained(head / "store")
    cluster.kill("second")
    training.finish()
    assert runs(head / "store") == expected(training.params)
    assert finished and finished.items() <= trained(head / "store").items(), "what was finished is not done again"


@pytest.mark.fault
def test_a_link_that_is_down_for_a_while_costs_nothing(cluster: Cluster, head: Path, expected: Reference) -> None:
    if not cluster.network.second.link:
        pytest.skip("this machine does not permit network namespaces: there is no link to cut")
    cluster.start_worker("first", cluster.network.first)
    cluster.start_worker("second", cluster.network.second, hidden=head)
    cluster.wait_for_workers(2)
    training = training_on(cluster, head)
    training.wait_for_epochs(EPOCHS)
    cluster.network.second.cut(8)
    training.finish()
    assert runs(head / "store") == expected(training.params)


@pytest.mark.fault
def test_a_lost_scheduler_is_one_error_and_the_rest_is_trained_next(
    cluster: Cluster, head: Path, expected: Reference, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.start_worker("first", cluster.network.first)
    training = training_on(cluster, head)
    training.wait_for_epochs(EPOCHS * 3 // 2)
    cluster.kill("scheduler")
    error = training.fail()
    assert isinstance(error, ClusterError) and error.exit_code == 4
    assert str(error) == (
        "the Dask scheduler was lost: start it, then run the same command again: what was finished is kept"
    )
    finished = trained(head / "store")
    cluster.kill("first")
    cluster.start_scheduler()
    cluster.start_worker("second", cluster.network.second)
    with engine_on(cluster, head) as engine:
        train_all(engine, training.params, head / "data")
    assert runs(head / "store") == expected(training.params)
    assert finished and finished.items() <= trained(head / "store").items()
    assert f"{len(finished)} of 8 different ones found" in capsys.readouterr().out


def test_without_a_scheduler_there_is_one_error(network: Network, head: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regbench.engine.cluster import dask_opening

    monkeypatch.setattr(dask_opening, "CONNECT", 1)
    cluster = Cluster(network, head)
    with pytest.raises(ClusterError, match=f"compute.dask.address = '{cluster.address}': no scheduler answers"):
        engine_on(cluster, head).__enter__()


@pytest.mark.fault
def test_a_worker_with_other_code_is_refused(cluster: Cluster, head: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "other/src")
    edited = tmp_path / "other/src/regbench/training/fit.py"
    edited.write_text(f"{edited.read_text()}\nOTHER = 1\n")
    cluster.start_worker("other", cluster.network.first, code=tmp_path / "other/src")
    rule = r"worker on \S+: code = [0-9a-f]{12}: the head has [0-9a-f]{12}: check out the same commit there"
    with pytest.raises(ClusterError, match=rule), engine_on(cluster, head) as engine:
        train_all(engine, small_params(), head / "data")
    assert trained(head / "store") == {}


@pytest.mark.fault
def test_a_worker_with_other_data_under_the_same_path_is_refused(cluster: Cluster, head: Path, tmp_path: Path) -> None:
    shutil.copytree(head / "data", tmp_path / "older")
    index = tmp_path / "older/train/index.csv"
    index.write_text(index.read_text().replace(",a,", ",b,", 1))
    cluster.start_worker("first", cluster.network.first, hidden=head / "data", shown=tmp_path / "older")
    rule = r"worker on \S+: data in \S+/head/data = [0-9a-f]{12}: the head has [0-9a-f]{12}: bring them up to date"
    with pytest.raises(ClusterError, match=rule), engine_on(cluster, head) as engine:
        train_all(engine, small_params(), head / "data")
    assert trained(head / "store") == {}
