"""The job from end to end with the real DVC, MLflow and git: every way to end, and what is left behind.

It is killed at random moments too: REGBENCH_KILLS=20 times as the issue asks, each of which costs a job and a half.
"""

import json
import os
import random
import re
import subprocess
import time
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
    copy_state,
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
    """Return one project for the whole story below: the tests run in their order, each where the last one ended."""
    return create(tmp_path_factory.mktemp("retraining") / "project", digits(FIRST), **{"train.epochs": 2})


@pytest.mark.fault
def test_without_mlflow_it_fails_and_nothing_is_changed(project: Project) -> None:
    said = ends(project, 4, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "http://127.0.0.1:9" in said and "Traceback" not in said
    assert not (project.folder / "dvc.lock").exists() and records(project) == []


def test_the_first_model_becomes_champion(project: Project) -> None:
    said = ends(project, PROMOTED)
    assert "promoted\nThere is no champion yet, and all limits are met." in said
    # A line a stage, and none of DVC's own.
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


def test_nothing_new_leaves_nothing_behind(project: Project) -> None:
    kept = [project.folder / "retraining" / name for name in ("decisions.jsonl", "decisions.html")]
    before = [path.read_bytes() for path in kept]
    assert "nothing new" in ends(project, NOTHING_NEW)
    assert before == [path.read_bytes() for path in kept]
    assert len(versions(project)) == len(decision_runs(project)) == 1


@pytest.mark.fault
def test_rejected_data_are_not_trained_on(project: Project) -> None:
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
def test_killed_while_dvc_works_its_stages_die_too(project: Project) -> None:
    write_rows(project.folder / "raw.zip", digits(MORE))
    project.set(**{"train.epochs": 4})
    moments = random.Random(2)
    for _ in range(max(1, KILLS // 4)):
        kill_after(project, moments.uniform(3, 15))
        assert still_running(project) == [] and champions(project) == [1]


@pytest.mark.fault
def test_uncommitted_parameters_are_not_promoted_until_they_are_committed(project: Project) -> None:
    """This job completes what was killed too. Without `--force` the same is decided once more, since that is new."""
    said = ends(project, KEPT, "--force")
    assert "Code or parameters are not committed" in said and "sample" in Project.ran(said)
    said = ends(project, 0, "--zero")
    assert "kept\n" in said and "sample" not in Project.ran(said)
    assert champions(project) == [1] and set(versions(project)) == {1, 2}
    commit(project)


def assert_whole(project: Project) -> None:
    """The champion is what the log says, every decision is in MLflow and on the page once, nothing is half done."""
    made = records(project)
    assert champions(project) == [int(champion.version) for champion in [made[-1].in_use] if champion]
    assert sorted(run["decision"] for run in decision_runs(project)) == sorted(record.key for record in made)
    assert len({record.key for record in made}) == len(made) and pending(project) is None
    assert (project.folder / "retraining/decisions.html").read_text().count("<article") == len(made)


@pytest.mark.fault
def test_killed_while_the_registry_changes_there_is_one_champion_and_the_next_job_completes(
    project: Project, tmp_path: Path
) -> None:
    """The pipeline is done, so that the moments fall where versions, alias, log and page are written."""
    copy_state(project.folder, tmp_path)
    begin, moments, seen = time.monotonic(), random.Random(1), []
    assert "significantly better" in ends(project, PROMOTED)
    whole = time.monotonic() - begin
    for _ in range(KILLS - max(1, KILLS // 4)):
        assert_whole(project)
        copy_state(tmp_path, project.folder)
        kill_after(project, moments.uniform(0.4 * whole, whole))
        assert champions(project) in ([1], [2]) and still_running(project) == []
        seen.append((champions(project), len(records(project)), pending(project) is not None))
        done = job(project)
        assert done.returncode in (PROMOTED, NOTHING_NEW), done.stdout + done.stderr
    print("champion, decisions, whether a move was begun, at each kill:", *seen, sep="\n")


def test_a_better_challenger_is_promoted(project: Project) -> None:
    assert_whole(project)
    assert champions(project) == [2] and set(versions(project)) == {1, 2}
    metrics = (project.folder / "retraining/metrics.prom").read_text()
    assert 'regbench_retrain_outcome{regbench_retrain_outcome="' in metrics
    outcomes = [record.outcome for record in records(project)]
    assert outcomes == ["promoted", "rejected", "kept", "kept", "promoted"]
    difference = records(project)[-1].difference
    assert 0 < difference["low"] < difference["mean"] < difference["high"]


def test_both_models_were_asked_on_the_same_images_of_today(project: Project) -> None:
    """The champion's own score of its own day stands nowhere in the second decision."""
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


def test_rollback_puts_the_champion_before_back_and_stays(project: Project) -> None:
    said = ends(project, 0, "--reason", "It misreads sevens.", command=ROLLBACK)
    assert "version 1 is champion again, version 2 was taken back" in said
    assert champions(project) == [1] and records(project)[-1].reasons == ("It misreads sevens.",)
    assert "This very network was taken back by `regbench rollback`" in ends(project, KEPT)
    assert champions(project) == [1]
    said = project.run(*ROLLBACK, code=2)
    assert "knows of no champion before version 1" in said and "Traceback" not in said


def test_every_decision_is_in_mlflow_once_and_on_the_page(project: Project) -> None:
    made, runs = records(project), decision_runs(project)
    assert sorted(run["decision"] for run in runs) == sorted(record.key for record in made)
    assert all("dvc_stage" not in run for run in runs), "no stage of the pipeline decides"
    page = (project.folder / "retraining/decisions.html").read_text()
    assert page.count("<article") == len(made) and "It misreads sevens." in page


@pytest.mark.fault
def test_a_champion_that_was_tampered_with_stops_the_job(project: Project) -> None:
    for weights in (project.folder / "mlartifacts").glob("**/regbench/model.safetensors"):
        kept = weights.read_bytes()
        weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    said = ends(project, 6)
    assert "its SHA-256 is not" in said and "Traceback" not in said and champions(project) == [1]


@pytest.mark.fault
def test_a_registry_that_lost_its_champion_is_not_started_anew_by_itself(project: Project) -> None:
    before = {path: path.read_bytes() for path in project.folder.glob("mlflow.db*")}
    for path in before:
        path.unlink()
    said = ends(project, 6)
    assert "has no champion, and by retraining/decisions.jsonl version 1 is: restore mlflow.db" in said
    for path, content in before.items():
        path.write_bytes(content)


@pytest.mark.fault
def test_a_second_job_leaves_at_once_and_names_the_first(project: Project) -> None:
    first = subprocess.Popen(JOB, cwd=project.folder, env=environment(project.folder), stderr=subprocess.DEVNULL)
    try:
        holder = project.folder / ".regbench/retrain.json"
        deadline = time.monotonic() + 30
        while not (holder.exists() and json.loads(holder.read_text())["pid"] == first.pid):
            assert time.monotonic() < deadline and first.poll() is None
            time.sleep(0.02)
        said = ends(project, BUSY)
        assert f"another job is under way: process {first.pid} since " in said
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
    # Whoever waits goes on as soon as the lock is free; a job that was killed leaves none.
    said = ends(project, 6, "--wait", "20")
    assert "another job" not in said


def test_help_documents_every_exit_code(project: Project) -> None:
    from regbench.errors import BusyError, RejectedDataError
    from regbench.retraining.job import EXIT_CODES

    said = ends(project, 0, "--help")
    codes = {*EXIT_CODES.values(), RejectedDataError.exit_code, BusyError.exit_code}
    assert codes == {PROMOTED, KEPT, NOTHING_NEW, REJECTED, BUSY}
    assert all(f"  {code} " in said for code in codes)
