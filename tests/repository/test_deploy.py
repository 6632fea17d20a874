"""Schedules: the cron line is run by Debian's cron, the others pass the strictest validator that there is for them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.project import REGBENCH, ROOT, Project
from support.raw_images import write_canonical
from support.retraining_project import create, digits, job, write_rows
from support.validators import documents, tool
from support.webhook import SECRET, Hook

from regbench.errors import BusyError, RejectedDataError
from regbench.retraining.decision_log import Log
from regbench.retraining.job import EXIT_CODES
from regbench.retraining.notify import WEBHOOK

pytestmark = pytest.mark.slow

DEPLOY = ROOT / "deploy"
CRON_SECONDS = 60 + 240
"""Until the next full minute, and for the job on a busy machine."""


@dataclass(frozen=True)
class Night:
    """A project with a champion to come, and who is told of it."""

    project: Project
    hook: Hook
    told: Path
    """What the command of `retrain.notify` was told."""

    def tells(self, outcome: str) -> dict[str, Any]:
        """Return what both were told last; it must be the same, of this outcome, without the secret."""
        told: dict[str, Any] = json.loads(self.told.read_text())
        assert self.hook.posted[-1][2] == told and told["outcome"] == outcome
        log = self.project.folder / ".regbench" / "retrain.log"
        assert SECRET not in self.told.read_text() + (log.read_text() if log.exists() else "")
        return told


@pytest.fixture(scope="module", autouse=True)
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Yield a project with new images whose nightly job cron starts at the next full minute.

    Autouse: it waits while the other tests of this module run.
    """
    folder = tmp_path_factory.mktemp("night") / "project"
    told = folder.parent / "told.json"
    notified: dict[str, Any] = {"retrain.notify": {"command": ["tee", str(told)]}}
    project = create(folder, digits(1), **{"data.raw": "raw", "retrain.incoming": "incoming"}, **notified)
    write_rows(folder / "raw", digits(150))
    write_rows(folder / "incoming", digits(100, start=120))
    with Hook.serve() as hook, cron(project, hook.address):
        yield Night(project, hook, told)


@contextmanager
def cron(project: Project, webhook: str) -> Iterator[None]:
    """Let Debian's cron, where it may run, start the shipped line each minute, in folders of cron's own."""
    if not _has_cron():
        yield
        return
    table, installed = (DEPLOY / "regbench.cron").read_text(), project.folder.parent / "installed"
    here = {
        r"^PROJECT=.*$": f"PROJECT={project.folder}",
        r"^VENV=.*$": f"VENV={installed}",
        r"^17 2 \* \* \*": "* * * * *",
    }
    for shipped, value in here.items():
        table, changed = re.subn(shipped, value, table, flags=re.MULTILINE)
        assert changed == 1
    file = project.folder.parent / "crontab"
    file.write_text(f"{WEBHOOK}={webhook}\n{table}")
    # What `make install` would put into an environment of the project's own.
    command = f"PYTHONPATH={project.folder / 'src'} exec {' '.join(REGBENCH)}"
    (installed / "bin").mkdir(parents=True)
    (installed / "bin/regbench").write_text(f'#!/bin/sh\n{command} "$@"\n')
    (installed / "bin/regbench").chmod(0o755)
    # Cron's folders and its process ids are private to this process, which takes all that cron started with it.
    private = "for place in /var/spool/cron /etc/cron.d /run; do mount -t tmpfs tmpfs $place; done; "
    private += "mount --bind /dev/null /etc/crontab; mkdir /var/spool/cron/crontabs; "
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-ec"]
    paths = {"PATH": f"{os.defpath}:/usr/sbin:/sbin", "HOME": "/root"}
    process = subprocess.Popen([*command, f"{private} crontab {file}; exec cron -f"], env=paths)
    try:
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _has_cron() -> bool:
    return bool(shutil.which("cron")) and os.geteuid() == 0 and _may_unshare()


def _may_unshare() -> bool:
    return subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode == 0


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        # systemd wants the program to exist.
        text = unit.read_text().replace("/srv/regbench/.venv/bin/regbench", sys.executable)
        (tmp_path / unit.name).write_text(text)
    assert tool("systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())) == ""
    broken = tmp_path / "regbench-retrain.timer"
    broken.write_text(broken.read_text().replace("Persistent=true", "Persistant=true"))
    assert "Persistant" in tool("systemd-analyze", "verify", "--man=no", str(broken))


def test_the_service_is_locked_down() -> None:
    """Of systemd's 0 (safe) to 10, for a service that needs its folder and the network; the threshold is times 10."""
    unit = str(DEPLOY / "systemd" / "regbench-retrain.service")
    tool("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)


def test_the_service_takes_no_outcome_of_a_sound_job_for_a_failure() -> None:
    unit = (DEPLOY / "systemd" / "regbench-retrain.service").read_text()
    codes = re.search(r"^SuccessExitStatus=(.*)$", unit, re.MULTILINE)
    assert codes is not None
    sound = {*EXIT_CODES.values(), BusyError.exit_code} - {0}
    assert {int(code) for code in codes[1].split()} == sound
    assert RejectedDataError.exit_code not in sound


def test_every_schedule_starts_the_command_of_the_environment() -> None:
    cron = (DEPLOY / "regbench.cron").read_text().splitlines()
    assert "VENV=/srv/regbench/.venv" in cron
    assert cron[-1].partition(" && nice ")[2] == '"$VENV/bin/regbench" retrain >>.regbench/retrain.log 2>&1'
    service = (DEPLOY / "systemd" / "regbench-retrain.service").read_text()
    assert "\nExecStart=/srv/regbench/.venv/bin/regbench retrain\n" in service
    _, job = documents(DEPLOY / "kubernetes" / "retrain.yaml")
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert [*container["command"], *container["args"]] == ["python", "-m", "regbench", "retrain", "--zero"]
    dockerfile = (DEPLOY / "kubernetes" / "Dockerfile").read_text()
    assert f"\nENV PYTHONPATH={container['workingDir']}/src\n" in dockerfile
    steps = documents(DEPLOY / "github" / "retrain.yml")[0]["jobs"]["retrain"]["steps"]
    assert sum("\n.venv/bin/regbench retrain --zero\n" in step.get("run", "") for step in steps) == 1


def test_kubernetes_schemas_accept_the_manifests_strictly(tmp_path: Path) -> None:
    manifest = DEPLOY / "kubernetes" / "retrain.yaml"
    tool("kubernetes-validate", "--strict", *map(str, manifest.parent.glob("*.yaml")))
    _, job = documents(manifest)
    spec = job["spec"]["jobTemplate"]["spec"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [2, RejectedDataError.exit_code]
    misspelt = tmp_path / "misspelt.yaml"
    misspelt.write_text(manifest.read_text().replace("concurrencyPolicy", "concurencyPolicy"))
    assert "concurencyPolicy" in tool("kubernetes-validate", "--strict", str(misspelt), code=1)


@pytest.mark.parametrize("name", ["compare.yml", "retrain.yml"])
def test_githubs_schema_and_zizmor_accept_the_workflow(tmp_path: Path, name: str) -> None:
    workflow = DEPLOY / "github" / name
    schema = ("check-jsonschema", "--builtin-schema", "vendor.github-workflows")
    audit = ("zizmor", "--offline", "--persona=pedantic")
    tool(*schema, str(workflow))
    assert "No findings" in tool(*audit, str(workflow))
    changed = tmp_path / "changed.yml"
    changed.write_text(workflow.read_text().replace("cancel-in-progress", "cancel-in-progres"))
    assert "cancel-in-progres" in tool(*schema, str(changed), code=1)
    changed.write_text(re.sub(r"(actions/checkout)@\w+", r"\1@v4", workflow.read_text()))
    assert "unpinned" in tool(*audit, str(changed), code=14)


def test_the_comment_on_a_pull_request_is_what_regbench_diff_prints() -> None:
    steps = documents(DEPLOY / "github" / "compare.yml")[0]["jobs"]["compare"]["steps"]
    *_, pipeline, comment = [step["run"] for step in steps if "run" in step]
    assert pipeline == ".venv/bin/regbench run compare"
    first, *_, last = comment.strip().splitlines()
    assert first == '.venv/bin/regbench diff "$BASE" > difference.md' and "--body-file difference.md" in last


def test_hadolint_accepts_the_dockerfile(tmp_path: Path) -> None:
    dockerfile = DEPLOY / "kubernetes" / "Dockerfile"
    assert tool("hadolint", "--failure-threshold=style", str(dockerfile)) == ""
    untagged = tmp_path / "Dockerfile"
    untagged.write_text(dockerfile.read_text().replace(":3.11-slim-bookworm", ""))
    assert "DL3006" in tool("hadolint", str(untagged), code=1)


def test_cron_runs_the_line_and_the_job_merges_trains_promotes_and_tells(night: Night) -> None:
    folder = night.project.folder
    if not shutil.which("cron") or os.geteuid() != 0:
        pytest.skip("cron is not installed, or this user may not run it")
    if not _may_unshare():
        pytest.skip("this machine does not let cron have folders of its own (unshare)")
    log = folder / ".regbench" / "retrain.log"
    deadline = time.monotonic() + CRON_SECONDS
    while not (log.exists() and "promoted" in log.read_text()):
        assert time.monotonic() < deadline, log.read_text() if log.exists() else "cron did not run the line"
        time.sleep(0.5)
    (record,) = Log(folder / "retraining").read()
    assert record.outcome == "promoted" and record.champion is None
    assert record.challenger is not None and record.challenger.version == "1"
    # 30 of the 100 were known.
    assert sum(record.images.values()) == 220 == len((folder / "raw/Train/train.csv").read_text().splitlines()) - 1
    assert night.tells("promoted")["record"]["key"] == record.key


def first_champion(night: Night) -> Project:
    """Return the project, whose job is run by hand where there was no cron."""
    if not (night.project.folder / "retraining").exists():
        assert job(night.project, **{WEBHOOK: night.hook.address}).returncode == 0
    return night.project


@pytest.mark.fault
def test_inverted_images_are_left_alone_and_everybody_is_told(night: Night) -> None:
    project = first_champion(night)
    raw = {path: path.read_bytes() for path in (project.folder / "raw").rglob("*") if path.is_file()}
    write_rows(project.folder / "incoming", [(255 - pixels, label) for pixels, label in digits(40, start=300)])
    ended = job(project, **{WEBHOOK: night.hook.address})
    assert ended.returncode == RejectedDataError.exit_code and "drift (stop): brightness" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert {path: path.read_bytes() for path in (project.folder / "raw").rglob("*") if path.is_file()} == raw
    assert "drift (stop): brightness" in night.tells("rejected")["text"]
    metrics = (project.folder / "retraining/metrics.prom").read_text()
    samples = {s.name: s.value for f in text_string_to_metric_families(metrics) for s in f.samples if s.value}
    assert samples["regbench_champion_version"] == samples["regbench_retrain_outcome"] == 1
    assert 'regbench_retrain_outcome{regbench_retrain_outcome="rejected"} 1.0' in metrics


@pytest.mark.fault
def test_the_champion_labels_images_and_one_that_was_tampered_with_does_not(night: Night) -> None:
    project = first_champion(night)
    write_canonical(project.folder / "new", images=1, unlabelled=4)
    predict = (*REGBENCH, "predict", "new")
    assert "submission.csv: 4 labels by champion, version 1; probabilities: submission-prob" in project.run(*predict)
    submission = project.folder / "submission.csv"
    before = submission.read_text()
    rows = [line.split(",") for line in before.splitlines()]
    assert [row[0] for row in rows] == ["filename", *(f"{number}.png" for number in range(1, 5))]
    assert {row[1] for row in rows[1:]} <= set("0123456789")
    for path in (project.folder / "mlartifacts").rglob("model.safetensors"):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "model.safetensors: its SHA-256 is not " in project.run(*predict, code=2)
    assert submission.read_text() == before
