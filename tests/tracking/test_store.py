import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from regbench.tracking.metric_names import CURVES, SCORES, finite, translate
from regbench.tracking.pages import charts_page, table_page
from regbench.tracking.receipt import Receipt, fingerprint
from regbench.tracking.store import configure_client, find_store, write_ahead


def test_default_store_is_a_database_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = find_store(Path(), {})
    assert store.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert store.database == tmp_path / "mlflow.db"
    assert store.artifacts == tmp_path / "mlartifacts"
    assert store.lock == tmp_path / "mlflow.db.lock"
    assert not store.served


def test_copy_that_dvc_works_in_uses_the_store_of_the_project(tmp_path: Path) -> None:
    copy = tmp_path / ".dvc/tmp/exps/standalone/tmp1"
    copy.mkdir(parents=True)
    assert find_store(copy, {}) == find_store(tmp_path, {})


def test_server_has_no_database_and_shows_no_password(tmp_path: Path) -> None:
    store = find_store(tmp_path, {"MLFLOW_TRACKING_URI": "https://me:secret@example.org/a@b"})
    assert store.served
    assert store.database is None
    assert store.shown == "https://example.org/a@b"
    assert "secret" not in str(store.receipt)


def test_stores_have_receipts_of_their_own(tmp_path: Path) -> None:
    default, other = find_store(tmp_path, {}), find_store(tmp_path, {"MLFLOW_TRACKING_URI": "http://localhost:1"})
    Receipt(comparison="c").write(other)
    assert Receipt.read(other) == Receipt(comparison="c")
    Receipt(comparison="d").write(default)
    # The default database does not exist: what was written there is gone with it.
    assert Receipt.read(default) == Receipt()
    (tmp_path / "mlflow.db").touch()
    assert Receipt.read(default) == Receipt(comparison="d")


@pytest.mark.fault
@pytest.mark.parametrize("text", ["", "[]", "{", '{"unheard": 1}', '{"begun": ["key"]}'])
def test_unreadable_receipt_is_an_empty_one(tmp_path: Path, text: str) -> None:
    store = find_store(tmp_path, {"MLFLOW_TRACKING_URI": "http://localhost:1"})
    store.receipt.parent.mkdir()
    store.receipt.write_text(text, encoding="utf-8")
    assert Receipt.read(store) == Receipt()


def test_fingerprint_sees_every_kind_of_change(tmp_path: Path) -> None:
    (tmp_path / "runs/l2").mkdir(parents=True)
    (tmp_path / "runs/l2/a").write_text("1", encoding="utf-8")
    seen = [fingerprint([tmp_path / "runs"])]
    assert fingerprint([tmp_path / "runs"]) == seen[0]
    (tmp_path / "runs/l2/a").write_text("12", encoding="utf-8")
    seen.append(fingerprint([tmp_path / "runs"]))
    os.utime(tmp_path / "runs/l2/a", ns=(1, 1))
    seen.append(fingerprint([tmp_path / "runs"]))
    (tmp_path / "runs/l2/a").rename(tmp_path / "runs/l2/b")
    seen.append(fingerprint([tmp_path / "runs"]))
    (tmp_path / "runs/l2/b").unlink()
    seen.append(fingerprint([tmp_path / "runs"]))
    assert len(set(seen)) == len(seen)


def test_settings_of_the_user_stay() -> None:
    environment = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
    configure_client(environment)
    assert environment["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "60"
    assert environment["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_fractions_become_percent() -> None:
    found = translate({"validation_accuracy": [0.5, 0.75], "gap": [0.01], "unheard": [1]}, CURVES)
    expected = {"validation/accuracy": [0.5, 0.75], "validation/error_pct": [50, 25], "validation/gap_pct": [1]}
    assert found == expected


def test_scores_of_the_validation_split_are_not_called_test() -> None:
    assert translate({"log_loss": [0.5]}, SCORES, "validation") == {"final_validation/log_loss": [0.5]}
    assert translate({"log_loss": [0.5]}, SCORES, "test") == {"test/log_loss": [0.5]}


def test_only_numbers_that_can_be_drawn_are_kept() -> None:
    assert finite([1.5, float("nan"), float("inf"), 2.5]) == [(0, 1.5), (3, 2.5)]


def test_pages_are_those_of_one_comparison() -> None:
    charts = charts_page("http://127.0.0.1:5000", "3", "abc")
    assert charts.startswith("http://127.0.0.1:5000/#/experiments/3/runs?viewStateShareKey=abc&")
    assert charts.endswith("&compareRunsMode=CHART&workflowType=machine_learning")
    table = table_page("http://127.0.0.1:5000", "3", {"l2": "r1", "l1": "r2"})
    assert "/#/compare-runs?runs=%5B%22r1%22%2C%20%22r2%22%5D&experiments=%5B%223%22%5D&" in table


def test_a_database_keeps_its_changes_in_a_log(tmp_path: Path) -> None:
    """It is made if need be, and remembers."""
    store = find_store(tmp_path, {})
    write_ahead(store)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.fault
def test_what_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but longer than a header of one " * 9)
    before = (tmp_path / "mlflow.db").read_bytes()
    write_ahead(find_store(tmp_path, {}))
    write_ahead(find_store(tmp_path, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}))
    assert (tmp_path / "mlflow.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
