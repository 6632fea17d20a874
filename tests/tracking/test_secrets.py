"""Nothing private gets into what is logged: no secret of the environment, no password, no user, no home."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from support.tracking_project import write_project
from support.tracking_store import stage

pytestmark = pytest.mark.fault

CANARY = "canary7f3a"
PRIVATE = {
    "HOME": f"/tmp/{CANARY}",
    "USER": CANARY,
    "LOGNAME": CANARY,
    "USERNAME": CANARY,
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "MLFLOW_TRACKING_PASSWORD": CANARY,
    "GIT_AUTHOR_NAME": CANARY,
}
PLACES = {"artifact_location", "artifact_uri", "storage_location"}
"""Columns where MLflow keeps the absolute path of its own artifacts; they are in no tag, file or log."""


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in somebody's home, with images elsewhere in it, after tracking."""
    folder = tmp_path_factory.mktemp(CANARY) / "project"
    folder.mkdir()
    write_project(folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["data"]["raw"] = f"/home/{CANARY}/images.zip"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    done = stage(folder, **PRIVATE)
    assert done.returncode == 0 and CANARY not in done.stdout + done.stderr
    return folder


def test_no_row_of_the_store_names_anything_private(logged: Path) -> None:
    seen, found = 0, []
    with closing(sqlite3.connect(logged / "mlflow.db")) as store:
        tables = [name for (name,) in store.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            rows = store.execute(f'select * from "{table}"')
            columns = [column for column, *_ in rows.description]
            for row in rows:
                seen += 1
                cells = zip(columns, map(str, row), strict=True)
                found += [(table, *cell) for cell in cells if CANARY in cell[1] and cell[0] not in PLACES]
    assert seen > 500 and found == []


def test_no_file_among_artifacts_and_receipts_names_anything_private(logged: Path) -> None:
    files = [path for top in ("mlartifacts", ".regbench") for path in (logged / top).rglob("*") if path.is_file()]
    assert len(files) > 6 * 8
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []


def test_a_password_in_the_address_is_not_told(tmp_path: Path) -> None:
    write_project(tmp_path)
    address = f"http://{CANARY}:{CANARY}@127.0.0.1:9"
    done = stage(tmp_path, MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert "runs not logged yet: http://127.0.0.1:9" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    receipts = [path.read_text() for path in (tmp_path / ".regbench").glob("*.json")]
    assert receipts and CANARY not in "".join(receipts)
