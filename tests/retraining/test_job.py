"""The job from end to end with the real DVC, MLflow and git: every way to end, and what is left behind.

It is killed at random moments too: REGBENCH_KILLS=20 times as the issue asks, each of which costs a job and a half.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.project import Project, environment
from support.retraining_project import (
    BUSY,
    JOB,
    KEPT,
    NOTHING_NEW,
    PROMOTED,
    REJECTED,
    ROLLBACK,
    champions,
    commit,
    create,
    decision_runs,
    digits,
    ends,
    git,
    images_of,
    job,
    kill_after,
    pending,
    records,
    still_running,
    versions,
    write_rows,
)

pytestmark = pytest.mark.slow
FIRST, MORE = 300, 1500
KILLS = int(os.environ.get("REGBENCH_KILLS", "2"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the one project of this file. MLflow's paths are absolute, so all states take turns in its folder."""
    return create(tmp_path_factory.mktemp("retraining") / "project", digits(FIRST), **{"train.epochs": 2})


@dataclass(frozen=True)
class State:
    """A copy of the project, and what the job that led there printed."""

    project: Project
    copy: Path
    said: str = ""

    def restore(self) -> Project:
        """Put the project back into this state."""
        shutil.rmtree(self.project.folder)
        shutil.copytree(self.copy, self.project.folder, symlinks=True)
        return self.project


def save(project: Project, tmp_path_factory: pytest.TempPathFactory, said: str = "") -> State:
    state = State(project, tmp_path_factory.mktemp("state") / "project", said)
    shutil.copytree(project.folder, state.copy, symlinks=True)
    return state


@pytest.fixture(scope="module")
def before_first(project: Project, tmp_path_factory: pytest.TempPathFactory) -> State:
    """Return the project as it was created."""
    return save(project, tmp_path_factory)


@pytest.fixture(scope="module")
def with_champion(before_first: State, tmp_path_factory: pytest.TempPathFactory) -> State:
    """Return the project after its first job."""
    project = before_first.restore()
    return save(project, tmp_path_factory, ends(project, PROMOTED))


@pytest.fixture(scope="module")
def uncommitted(with_champion: State, tmp_path_factory: pytest.TempPathFactory) -> State:
    """Return the project after a job with more images and uncommitted parameters."""
    project = with_champion.restore()
    bring_more(project)
    return save(project, tmp_path_factory, ends(project, KEPT, "--force"))


@pytest.fixture(scope="module")
def with_better(uncommitted: State, tmp_path_factory: pytest.TempPathFactory) -> State:
    """Return the project after that challenger became champion."""
    project = uncommitted.restore()
    commit(project)
    return save(project, tmp_path_factory, ends(project, PROMOTED))


def bring_more(project: Project) -> None:
    write_rows(project.folder / "raw.zip", digits(MORE))
    project.set(**{"train.epochs": 4})


@pytest.mark.fault
def test_without_mlflow_it_fails_and_nothing_is_changed(before_first: State) -> None:
    project = before_first.restore()
    said = ends(project, 4, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "http://127.0.0.1:9" in said and "Traceback" not in said
    assert not (project.folder / "dvc.lock").exists() and records(project) == []


def test_the_first_model_becomes_champion(with_champion: State) -> None:
    project, said = with_champion.restore(), with_champion.said
    assert "promoted\nThere is no champion yet, and all limits are met." in said
    # A line per stage, and none of DVC's own.
    assert re.findall(r"^\[(\d)/9\] \w+: ", said, re.MULTILINE)[-9:] == list("123456789")
    assert not re.search(r"Running stage|^> |Updating lock file|git add", said, re.MULTILINE)
    (record,) = records(project)
    assert champions(project) == [1]
    assert record.champion is None and record.challenger is not None and record.challenger.version == "1"
    tags = versions(project)[1]
    assert (tags["variant"], tags["seed"], tags["git_dirty"]) == ("baseline", "128", "false")
    assert tags["git_commit"] == git(project, "rev-parse", "HEAD") == record.commit
    assert tags["data_hash"] == record.data_hash and len(images_of(project, 1)) == FIRST
    page = (project.folder / "retraining/decisions.html").read_text()
    assert "Champion: <strong>version 1 (baseline, seed 128)</strong>" in page
    assert [run["decision"] for run in decision_runs(project)] == [record.key]


def test_nothing_new_leaves_nothing_behind(with_champion: State) -> None:
    project = with_champion.restore()
    kept = [project.folder / "retraining" / name for name in ("decisions.jsonl", "decisions.html")]
    before = [path.read_bytes() for path in kept]
    assert "nothing new" in ends(project, NOTHING_NEW)
    assert before == [path.read_bytes() for path in kept]
    assert len(versions(project)) == len(decision_runs(project)) == 1


@pytest.mark.fault
def test_rejected_data_are_not_trained_on(with_champion: State) -> None:
    project = with_champion.restore()
    raw = project.folder / "raw.zip"
    kept, lock = raw.read_bytes(), (project.folder / "dvc.lock").read_bytes()
    raw.write_bytes(kept[:-100])
    for _ in range(2):
        assert "raw.zip: not a readable zip" in ends(project, REJECTED)
    assert [record.outcome for record in records(project)] == ["promoted", "rejected"], "logged once"
    assert champions(project) == [1] and json.dumps(records(project)[1].reasons).count("not a readable zip") == 1
    raw.write_bytes(kept)
    assert lock == (project.folder / "dvc.lock").read_bytes()


@pytest.mark.fault
def test_killed_while_dvc_works_its_stages_die_too(with_champion: State) -> None:
    project = with_champion.restore()
    bring_more(project)
    moments = random.Random(2)
    for _ in range(max(1, KILLS // 4)):
        kill_after(project, moments.uniform(3, 15))
        assert still_running(project) == [] and champions(project) == [1]
    commit(project)
    ends(project, PROMOTED)
    assert_whole(project)


@pytest.mark.fault
def test_uncommitted_parameters_are_not_promoted_until_they_are_committed(uncommitted: State) -> None:
    """Without `--force` the same is decided once more, since that is new."""
    project, said = uncommitted.restore(), uncommitted.said
    assert "Code or parameters are not committed" in said and "sample" in Project.ran(said)
    said = ends(project, 0, "--zero")
    assert "kept\n" in said and "sample" not in Project.ran(said)
    assert champions(project) == [1] and set(versions(project)) == {1, 2}
    commit(project)
    assert "significantly better" in ends(project, PROMOTED)
    assert [record.outcome for record in records(project)] == ["promoted", "kept", "kept", "promoted"]


def assert_whole(project: Project) -> None:
    """The champion is what the log says, every decision is in MLflow and on the page once, nothing is half done."""
    made = records(project)
    assert champions(project) == [int(champion.version) for champion in [made[-1].in_use] if champion]
    assert sorted(run["decision"] for run in decision_runs(project)) == sorted(record.key for record in made)
    assert len({record.key for record in made}) == len(made) and pending(project) is None
    assert (project.folder / "retraining/decisions.html").read_text().count("<article") == len(made)


@pytest.mark.fault
def test_killed_while_the_registry_changes_there_is_one_champion_and_the_next_job_completes(
    uncommitted: State,
) -> None:
    """The pipeline is done, so that the moments fall where versions, alias, log and page are written."""
    project, moments, seen = uncommitted.restore(), random.Random(1), []
    commit(project)
    begin = time.monotonic()
    ends(project, PROMOTED)
    whole = time.monotonic() - begin
    for _ in range(KILLS - max(1, KILLS // 4)):
        uncommitted.restore()
        commit(project)
        kill_after(project, moments.uniform(0.4 * whole, whole))
        assert champions(project) in ([1], [2]) and still_running(project) == []
        seen.append((champions(project), len(records(project)), pending(project) is not None))
        done = job(project)
        assert done.returncode in (PROMOTED, NOTHING_NEW), done.stdout + done.stderr
        assert_whole(project)
    print("champion, decisions, whether a move was begun, at each kill:", *seen, sep="\n")


def test_a_better_challenger_is_promoted(with_better: State) -> None:
    project = with_better.restore()
    assert "significantly better" in with_better.said
    assert_whole(project)
    assert champions(project) == [2] and set(versions(project)) == {1, 2}
    metrics = (project.folder / "retraining/metrics.prom").read_text()
    assert 'regbench_retrain_outcome{regbench_retrain_outcome="' in metrics
    assert [record.outcome for record in records(project)] == ["promoted", "kept", "promoted"]
    difference = records(project)[-1].difference
    assert 0 < difference["low"] < difference["mean"] < difference["high"]


def test_both_models_are_scored_on_the_images_of_today(with_better: State) -> None:
    """The second decision does not use the champion's score of its own day."""
    project = with_better.restore()
    record = records(project)[-1]
    assert record.champion is not None and record.challenger is not None
    today = images_of(project, 2)
    assert record.images["test"] == (today["split"] == "test").sum()
    labels = pd.read_csv(project.folder / "evaluation/labels.csv")["label"]
    answers = np.load(project.folder / "evaluation/baseline/probabilities.npy")[0].argmax(1)
    error = 100 * float((answers != labels).mean())
    assert record.challenger.scores["error_percent"] == pytest.approx(error)
    gap = record.champion.scores["error_percent"] - record.challenger.scores["error_percent"]
    assert record.difference["mean"] == pytest.approx(gap)


def test_rollback_restores_the_champion_before_and_lasts(with_better: State) -> None:
    project = with_better.restore()
    said = ends(project, 0, "--reason", "It misreads sevens.", command=ROLLBACK)
    assert "version 1 is champion again, version 2 was taken back" in said
    assert champions(project) == [1] and records(project)[-1].reasons == ("It misreads sevens.",)
    assert "This very network was taken back by `regbench rollback`" in ends(project, KEPT)
    assert champions(project) == [1]
    said = project.run(*ROLLBACK, code=2)
    assert "knows of no champion before version 1" in said and "Traceback" not in said
    assert_whole(project)
    assert all("dvc_stage" not in run for run in decision_runs(project)), "no stage of the pipeline decides"
    assert "It misreads sevens." in (project.folder / "retraining/decisions.html").read_text()


@pytest.mark.fault
def test_a_champion_that_was_tampered_with_stops_the_job(with_champion: State) -> None:
    project = with_champion.restore()
    (weights,) = (project.folder / "mlartifacts").glob("**/regbench/model.safetensors")
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    said = ends(project, 6)
    assert "its SHA-256 is not" in said and "Traceback" not in said and champions(project) == [1]


@pytest.mark.fault
def test_a_registry_without_the_logged_champion_stops_the_job(with_champion: State) -> None:
    project = with_champion.restore()
    for path in project.folder.glob("mlflow.db*"):
        path.unlink()
    said = ends(project, 6)
    assert "has no champion, and by retraining/decisions.jsonl version 1 is: restore mlflow.db" in said


@pytest.mark.fault
def test_a_second_job_leaves_at_once_and_names_the_first(with_champion: State) -> None:
    project = with_champion.restore()
    first = subprocess.Popen(JOB, cwd=project.folder, env=environment(project.folder), stderr=subprocess.DEVNULL)
    try:
        holder = project.folder / ".regbench/retrain.json"
        deadline = time.monotonic() + 30
        while not (holder.exists() and json.loads(holder.read_text())["pid"] == first.pid):
            assert time.monotonic() < deadline and first.poll() is None
            time.sleep(0.02)
        first.send_signal(signal.SIGSTOP)  # so that it holds the lock, however slow the second one is
        said = ends(project, BUSY)
        assert f"another job is under way: process {first.pid} since " in said
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
    # A killed job leaves no lock.
    assert "another job" not in ends(project, NOTHING_NEW, "--wait", "20")


def test_help_documents_every_exit_code(project: Project) -> None:
    from regbench.errors import BusyError, RejectedDataError
    from regbench.retraining.job import EXIT_CODES

    said = ends(project, 0, "--help")
    codes = {*EXIT_CODES.values(), RejectedDataError.exit_code, BusyError.exit_code}
    assert codes == {PROMOTED, KEPT, NOTHING_NEW, REJECTED, BUSY}
    assert all(f"  {code} " in said for code in codes)
