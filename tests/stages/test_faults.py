"""Faults made for real on a project whose pipeline ran: one line, its exit code, and results as they were."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from support.disks import fill, forbid_writing, small_disk
from support.project import REGBENCH, Project, environment
from support.retraining_project import git, still_running
from support.serving import free_port
from support.webhook import Hook

pytestmark = [pytest.mark.slow, pytest.mark.fault]
STORAGE, INTEGRITY = 4, 6
CANARY = "canary7f3a"
STAGES = {
    "check": "OUT/stages",
    "ingest": "OUT/data",
    "augment": "data OUT/augmented",
    "tune": "data augmented OUT/tuned OUT/studies OUT/studies.journal",
    "train": "tuned data augmented OUT/runs OUT/timings",
    "evaluate": "data runs OUT/evaluation OUT/metrics",
    "compare": "tuned data/report/report.json evaluation runs timings OUT/reports",
}
"""Arguments of stages whose outputs are on another disk."""


@pytest.fixture(scope="module")
def whole(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose `dvc.lock` is committed; nobody changes it."""
    folder = tmp_path_factory.mktemp("faults") / "whole"
    shutil.copytree(reproduced.folder, folder, symlinks=True)
    project = Project(folder)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "lock")
    return project


@pytest.fixture
def project(whole: Project, tmp_path: Path) -> Project:
    shutil.copytree(whole.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def call(project: Project, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    variables = environment(project.folder) | more
    return subprocess.run(
        command, cwd=project.folder, env=variables, capture_output=True, text=True, timeout=120, check=False
    )


def stage(project: Project, name: str, out: Path) -> "subprocess.CompletedProcess[str]":
    arguments = [argument.replace("OUT", str(out)) for argument in STAGES[name].split()]
    return call(project, sys.executable, "-m", f"stages.{name}", *arguments)


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_disk_that_takes_nothing_is_one_line(whole: Project, tmp_path: Path, name: str, kind: str) -> None:
    before = whole.results()
    with small_disk(tmp_path / "disk", 64) as disk:
        if kind == "full":
            fill(disk)
        else:
            forbid_writing(disk)
        done = stage(whole, name, disk)
        said = done.stderr.strip().splitlines()
        assert done.returncode == STORAGE, done.stderr
        reason = "No space left on device" if kind == "full" else "Read-only file system"
        assert f"{disk}/" in said[-1] and reason in said[-1] and "Traceback" not in done.stderr
        assert [path.name for path in disk.rglob("*") if path.is_file()] == (["filler"] if kind == "full" else [])
    assert whole.results() == before


def test_a_store_without_room_is_one_line_and_goes_on_when_there_is(project: Project, tmp_path: Path) -> None:
    project.set(**{"train.epochs": 3, "compute.checkpoint_epochs": 1})
    store = project.folder / ".regbench/store"
    shutil.rmtree(store)
    with small_disk(store, 64) as disk:
        filler = fill(disk, leave=4096)
        arguments = ("tuned", "data", "augmented", "runs", "timings")
        done = call(project, sys.executable, "-m", "stages.train", *arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (STORAGE, False), done.stderr
        assert "No space left on device: free space on its disk" in done.stderr.splitlines()[-1]
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
        assert call(project, sys.executable, "-m", "stages.train", *arguments).returncode == 0


@pytest.mark.parametrize("mode", [0o444, 0o644])
def test_data_that_were_changed_in_the_cache_are_noticed(project: Project, mode: int) -> None:
    """DVC restores them without a word; training, evaluation, `verify` and the job do not take them."""
    images = project.folder / "data/train/images.npy"
    content = images.read_bytes()
    changed = content[:-1] + bytes([content[-1] ^ 1])
    (cached,) = [p for p in (project.folder / ".dvc/cache").rglob("*") if p.is_file() and p.read_bytes() == content]
    cached.chmod(0o644)
    cached.write_bytes(changed)
    cached.chmod(mode)
    shutil.rmtree(project.folder / "data/train")
    shutil.rmtree(project.folder / ".dvc/tmp", ignore_errors=True)  # Another clone, which has no memory of its own.
    call(project, "dvc", "checkout", "--force", "data/train")
    if not images.exists():  # DVC noticed it itself, which it does where the file may be written to.
        assert mode == 0o644
        return
    assert images.read_bytes() == changed
    project.set(**{"train.epochs": 3})
    done = call(project, sys.executable, "-m", "stages.train", "tuned", "data", "augmented", "runs", "timings")
    assert done.returncode == INTEGRITY and "data/train/images.npy: image " in done.stderr.splitlines()[-1]
    verified = call(project, *REGBENCH, "verify")
    assert verified.returncode == INTEGRITY
    wrong = [line for line in verified.stdout.splitlines() if line.startswith("PROBLEM")]
    assert [line.split(":")[0] for line in wrong] == ["PROBLEM  data/train/images.npy"] * 2
    project.run("dvc", "repro", "--force", "ingest")
    assert images.read_bytes() == content


@pytest.mark.parametrize(
    "name",
    [
        "runs/l2/seed-128/model.safetensors",
        "reports/comparison.csv",
        "evaluation/l2/probabilities.npy",
        "tuned/l2.json",
    ],
)
def test_verify_names_each_file_that_is_not_as_recorded(project: Project, name: str) -> None:
    done = call(project, *REGBENCH, "verify")
    assert (done.returncode, "PROBLEM" in done.stdout, done.stderr) == (0, False, ""), done.stdout
    path = project.folder / name
    content, mode = path.read_bytes(), path.stat()
    path.unlink()  # It may share its bytes with the store.
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(mode.st_atime_ns, mode.st_mtime_ns))
    path.with_name("added").write_text("")
    done = call(project, *REGBENCH, "verify")
    wrong = [line for line in done.stdout.splitlines() if line.startswith("PROBLEM")]
    assert done.returncode == INTEGRITY and len(wrong) == 2, done.stdout
    assert f"{path.parent.relative_to(project.folder)}/added: dvc.lock records no such file: remove it" in wrong[0]
    assert f"{name}: its MD5 is not that in dvc.lock" in wrong[1]


def test_every_stage_runs_with_two_threads(project: Project) -> None:
    """A fork after threads have started hangs; all stages together took 49 s on two busy cores."""
    ranged = {"recipe": "plain", "l2": {"low": 1e-5, "high": 1e-2, "log": True}}
    project.set(**{"compute.threads": 2, "variants.searched": ranged, "search": {"trials": 2}, "seeds": [7]})
    project.set(**{"evaluate.robustness_images": 20})
    ran = project.ran(project.run("timeout", "400", "dvc", "repro", "--force"))
    assert set(ran) >= {"check", "augment", "tune", "train", "evaluate", "compare", "track"}


def test_doctor_finds_nothing_after_a_pipeline_and_what_a_kill_left(project: Project, whole: Project) -> None:
    project.run("dvc", "repro", "track")  # A copy's times are others, and so may be what MLflow lacks.
    found = call(project, *REGBENCH, "doctor").stdout.splitlines()
    assert [line for line in found if "PROBLEM" in line and "packages" not in line] == []
    project.set(**{"train.epochs": 20_000, "seeds": [5]})
    command = [sys.executable, "-m", "stages.train", "tuned", "data", "augmented", "runs", "timings"]
    process = subprocess.Popen(command, cwd=project.folder, env=environment(project.folder))
    live, deadline = project.folder / ".regbench/live", time.monotonic() + 60
    while not any(b'"epoch": 9' in path.read_bytes() for path in live.glob("*-5.jsonl")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert still_running(project) == []
    found = call(project, *REGBENCH, "doctor").stdout.splitlines()
    (line,) = [line for line in found if line.startswith("PROBLEM  trainings: ")]
    assert "-5" in line and "run `dvc repro`, which continues them" in line


def test_a_database_that_is_down_is_waited_for_seconds_and_its_password_is_nowhere(project: Project) -> None:
    address = f"postgresql://u:{CANARY}@127.0.0.1:{free_port()}/mlflow?password={CANARY}&application_name={CANARY}"
    arguments = ("data", "tuned", "studies", "runs", "timings", "evaluation", "reports")
    begin = time.monotonic()
    done = call(project, sys.executable, "-m", "stages.track", *arguments, MLFLOW_TRACKING_URI=address)
    assert time.monotonic() - begin < 40, "108 s before"
    assert done.returncode == 0 and "runs not logged yet: postgresql://127.0.0.1:" in done.stderr
    assert CANARY not in done.stdout + done.stderr and "SQLAlchemy engine" not in done.stderr
    strict = call(project, *REGBENCH, "sync", MLFLOW_TRACKING_URI=address)
    (line,) = strict.stderr.splitlines()
    assert strict.returncode == STORAGE and CANARY not in line


@pytest.mark.parametrize("text", ["seeds: [", "seeds: 3\nretrain: {model: m}", "retrain: {notify: {webhoo: x}}"])
def test_people_are_told_of_a_broken_params_yaml(project: Project, text: str) -> None:
    (project.folder / "params.yaml").write_text(text)
    with Hook.serve() as hook:
        done = call(project, *REGBENCH, "retrain", REGBENCH_WEBHOOK=hook.address)
        ((_, _, told),) = hook.posted
    assert done.returncode == 2 and told["outcome"] == "failed" and "params.yaml: " in told["text"]
    assert 'regbench_retrain_outcome="failed"} 1.0' in (project.folder / "retraining/metrics.prom").read_text()


@pytest.mark.parametrize(
    ("number", "word", "code"), [(signal.SIGTERM, "terminated", 143), (signal.SIGINT, "interrupted", 130)]
)
@pytest.mark.parametrize("silent", [False, True], ids=["it answers", "it is silent"])
def test_people_are_told_of_a_job_that_was_stopped(
    project: Project, number: signal.Signals, word: str, code: int, silent: bool
) -> None:
    """Within seconds, with no orphan; also where nobody listens."""
    project.set(**{"train.epochs": 20_000})
    with Hook.serve() as hook:
        hook.answers = [0] if silent else [200]
        variables = environment(project.folder) | {"REGBENCH_WEBHOOK": hook.address}
        process = subprocess.Popen(
            [*REGBENCH, "retrain"], cwd=project.folder, env=variables, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 120
        live = project.folder / ".regbench/live"
        before = time.time()
        while not any(path.stat().st_mtime > before for path in live.glob("*.jsonl")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        begin = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        assert time.monotonic() - begin < 10, "5 s on a machine that does nothing else"
        assert process.returncode == code and word in said.splitlines() and "Traceback" not in said
        assert {told["text"] for _, _, told in hook.posted} == {f"failed: {word}"}
    assert 'regbench_retrain_outcome="failed"} 1.0' in (project.folder / "retraining/metrics.prom").read_text()
    assert still_running(project) == []


@pytest.mark.parametrize("state", ["detached", "merge"])
def test_a_job_that_could_not_publish_trains_nothing(project: Project, state: str) -> None:
    project.set(**{"retrain": {"publish": {"push": True}}})
    git(project, "commit", "-qam", "publish")
    if state == "detached":
        git(project, "switch", "-q", "--detach")
    else:
        (project.folder / ".git/MERGE_HEAD").write_text(git(project, "rev-parse", "HEAD"))
    head = git(project, "rev-parse", "HEAD")
    done = call(project, *REGBENCH, "retrain")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and ("detached HEAD" in line or "a merge is under way" in line)
    assert git(project, "rev-parse", "HEAD") == head and not (project.folder / "retraining/decisions.jsonl").exists()


def test_networks_that_were_changed_in_the_cache_are_not_promoted(project: Project) -> None:
    """DVC takes its own memory of times and sizes for the truth; the job reads the bytes."""
    project.run("dvc", "repro")
    name = project.folder / "runs/l2/seed-128/model.safetensors"
    content, times = name.read_bytes(), name.stat()
    with name.open("r+b") as file:  # In place, as in the cache of a clone with links.
        file.seek(-1, os.SEEK_END)
        file.write(bytes([content[-1] ^ 1]))
    os.utime(name, ns=(times.st_atime_ns, times.st_mtime_ns))
    done = call(project, *REGBENCH, "retrain")
    assert done.returncode == INTEGRITY, done.stderr
    assert "runs/l2/seed-128/model.safetensors: its MD5 is not that in dvc.lock" in done.stderr.splitlines()[-1]
    assert not (project.folder / "retraining/decisions.jsonl").exists()


def test_no_secret_of_the_job_is_printed_written_or_listed(project: Project) -> None:
    """A token in git's remote, in the webhook's path and query, and in the environment; output, files and `ps`."""
    git(project, "remote", "add", "origin", f"https://u:{CANARY}@127.0.0.1:9/a.git?token={CANARY}")
    secrets = {
        "REGBENCH_WEBHOOK": f"http://u:{CANARY}@127.0.0.1:9/services/{CANARY}?token={CANARY}",
        **dict.fromkeys(("AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "PGPASSWORD", "GITHUB_TOKEN"), CANARY),
    }
    process = subprocess.Popen(
        [*REGBENCH, "retrain"],
        cwd=project.folder,
        env=environment(project.folder) | secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    listed, seen = set[str](), psutil.Process(process.pid)
    deadline = time.monotonic() + 500
    while process.poll() is None:
        assert time.monotonic() < deadline
        with suppress(psutil.NoSuchProcess):
            listed |= {" ".join(each.cmdline()) for each in (seen, *seen.children(recursive=True))}
        time.sleep(0.2)
    said = process.communicate()[0]
    assert process.returncode == 0 and "not notified: webhook http://127.0.0.1: cannot be reached" in said
    assert CANARY not in said and len(listed) > 3 and not [line for line in listed if CANARY in line]
    files = [path for path in project.folder.rglob("*") if path.is_file() and path != project.folder / ".git/config"]
    assert len(files) > 100 and (project.folder / "mlflow.db") in files
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
