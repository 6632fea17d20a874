"""Two pipelines that write the same new row at once, in a real PostgreSQL: MLflow refuses one of them at first."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from mlflow import MlflowClient
from support.offers import offer
from support.postgresql import Server, postgresql
from support.tracking_project import write_project
from support.tracking_store import track

from regbench.tracking.client import open_client
from regbench.tracking.experiments import NOTE, TITLE, Experiments
from regbench.tracking.registry import Registry
from regbench.tracking.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    with postgresql() as server:
        MlflowClient(server.address).search_experiments()  # Its tables, which take seconds to make.
        yield server


@contextmanager
def _both_wait(database: Server, table: str) -> Iterator[None]:
    """Let nobody insert into a table until two connections have looked, found nothing, and wait for it."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with (
        psycopg.connect(database.address) as holder,
        psycopg.connect(database.address, autocommit=True) as watcher,
        ThreadPoolExecutor(1) as pool,
    ):
        holder.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")

        def release() -> None:
            deadline = time.monotonic() + 60
            try:
                while watcher.execute(waiting).fetchone() != (2,):
                    assert time.monotonic() < deadline, f"nobody, or only one, wants to insert into {table}"
                    time.sleep(0.02)
            finally:
                holder.commit()

        released = pool.submit(release)
        yield
        released.result()


def _at_once(*writers: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(writers)) as pool:
        for done in [pool.submit(writer) for writer in writers]:
            done.result()


@pytest.mark.fault
def test_an_experiment_is_described(database: Server, tmp_path: Path) -> None:
    store = Store(database.address, tmp_path)
    experiments = [Experiments(open_client(store), store) for _ in range(2)]
    experiments[0].find("described")
    with _both_wait(database, "experiment_tags"):
        _at_once(*(lambda made=made: made.present("described", "1", {}, "table") for made in experiments))
    assert experiments[0].find("described").tags[NOTE].startswith(TITLE)


@pytest.mark.fault
@pytest.mark.parametrize("table", ["registered_models", "registered_model_aliases"])
def test_a_model_is_registered(database: Server, tmp_path: Path, table: str) -> None:
    """Two clones on different machines: each has a lock of its own."""
    logged = Store(database.address, tmp_path / "logged")
    logged.project.mkdir()
    write_project(logged.project, variants=("l2",), seeds=(1, 2))
    track(logged.project, logged)
    registries = [Registry(Store(database.address, tmp_path / clone), table) for clone in ("a", "b")]
    offers = [offer(logged.project, "l2", seed, logged) for seed in (1, 2)]
    with _both_wait(database, table):
        _at_once(*(lambda made=made, one=one: made.register(one) for made, one in zip(registries, offers, strict=True)))
    challenger = registries[0].challenger()
    assert challenger is not None and challenger.number in ("1", "2")
    assert {registries[0].register(one).number for one in offers} == {"1", "2"}
