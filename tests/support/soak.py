"""A soak: pipeline, retraining, syncing and prediction under injected faults, for some minutes; then all invariants.

    make soak MINUTES=60 SEED=1

Every step and every fault follows from the printed seed; when a killed process dies depends on the machine as well.
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil
from support.project import REGBENCH, Project, environment
from support.retraining_project import (
    KEPT,
    NOTHING_NEW,
    PROMOTED,
    champions,
    create,
    decision_runs,
    digits,
    images_of,
    records,
    still_running,
    versions,
    write_rows,
)

from regbench.files import TEMPORARY
from regbench.retraining import decision_log

PARAMS = {
    "data.raw": "raw",
    "seeds": [128, 129],
    "variants": {
        "baseline": {"recipe": "plain"},
        "searched": {"recipe": "plain", "l2": {"low": 1e-6, "high": 1e-2, "log": True}},
    },
    "search": {"trials": 2, "epochs": 1, "top_k": 1, "fresh_seeds": [29]},
    "train.epochs": 2,
    "retrain": {"incoming": "incoming"},
}
HANG = 600
"""Seconds; a command that takes longer hangs."""
BATCH = 40
"""New images a delivery."""
ENDS = {0, 1, 2, 3, 4, 6, 10, 11, 65, 75, 130, 143, 252, 255, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT}
"""Exit codes of the documentation, those of a process that was killed, and of a `dvc` that failed, was ended, or was
interrupted (252).

Python has no handlers before its first line and after its last one: a signal then kills it, which a shell shows as 130
or 143 too.
"""
COMMANDS = {
    "retrain": (*REGBENCH, "retrain"),
    "repro": (sys.executable, "-m", "dvc", "repro"),
    "sync": (*REGBENCH, "sync"),
    "predict": (*REGBENCH, "predict", "raw", "--out", "submission.csv"),
}


@dataclass
class Soak:
    """One run of it: the project, the randomness, and what happened."""

    project: Project
    draw: random.Random
    delivered: int = 0
    """Images so far."""
    ends: Counter[str] = field(default_factory=Counter)
    """`COMMAND under FAULT: exit code N` -> how often."""
    problems: list[str] = field(default_factory=list)
    """What no command may do, a line each."""

    def step(self) -> None:
        """Deliver new images or not, and run one command under one fault or none."""
        if self.draw.random() < 0.5:
            self.deliver()
        name = self.draw.choice(["retrain", "retrain", *COMMANDS])
        fault = self.draw.choice(list(FAULTS))
        with FAULTS[fault](self) as disturb:
            process = self.start(name)
            disturb(process)
            said = self.end(process, f"{name} under {fault}")
        reason = f": {said.splitlines()[-1][:200]}" if process.returncode > 0 and said else ""
        self.ends[f"{name} under {fault}: exit code {process.returncode}{reason}"] += 1
        if process.returncode not in ENDS:
            self.problems.append(f"{name} under {fault}: exit code {process.returncode}: {said[-2_000:]}")
        if "Traceback" in said:
            self.problems.append(f"{name} under {fault}: a traceback: {said[-2_000:]}")
        if left := still_running(self.project):
            self.problems.append(f"{name} under {fault}: still running: {left}")

    def start(self, name: str) -> "subprocess.Popen[str]":
        """Start a command of `COMMANDS`."""
        return subprocess.Popen(
            COMMANDS[name],
            cwd=self.project.folder,
            env=environment(self.project.folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: "subprocess.Popen[str]", title: str) -> str:
        """Return what a command wrote; one that does not end, or leaves a process with its output, is a problem."""
        try:
            return process.communicate(timeout=HANG)[1]
        except subprocess.TimeoutExpired:
            self.problems.append(f"{title}: not at an end after {HANG} s: {still_running(self.project)}")
            for each in psutil.process_iter(["cwd"]):
                if each.info["cwd"] == str(self.project.folder):
                    each.kill()
            return process.communicate()[1]

    def deliver(self) -> None:
        """Put new images, now and then some with a label that does not exist, where the job takes them from."""
        rows = digits(BATCH, start=600 + self.delivered)
        self.delivered += BATCH
        if self.draw.random() < 0.15:
            rows[0] = (rows[0][0], "no digit")
        write_rows(self.project.folder / "incoming", rows)

    def wait(self, process: "subprocess.Popen[str]") -> None:
        """Let a command work for some seconds, or to its end."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.draw.uniform(0.1, 30))


Disturb = Callable[["subprocess.Popen[str]"], None]
"""What is done to a command that was started."""
Fault = Callable[[Soak], AbstractContextManager[Disturb]]
"""What is the matter while a command runs."""


@contextmanager
def nothing(soak: Soak) -> Iterator[Disturb]:
    yield lambda process: None


def signalled(number: signal.Signals) -> "Fault":
    """Return a fault: a signal to the command alone, some time after its start."""

    @contextmanager
    def fault(soak: Soak) -> Iterator[Disturb]:
        def disturb(process: "subprocess.Popen[str]") -> None:
            soak.wait(process)
            process.send_signal(number)

        yield disturb

    return fault


@contextmanager
def twice(soak: Soak) -> Iterator[Disturb]:
    """Another job at the same time."""
    rival = soak.start("retrain")
    yield lambda process: None
    rival.communicate(timeout=600)


@contextmanager
def held_database(soak: Soak) -> Iterator[Disturb]:
    """Somebody has the database's write lock for some seconds."""

    def disturb(process: "subprocess.Popen[str]") -> None:
        soak.wait(process)
        with closing(sqlite3.connect(soak.project.folder / "mlflow.db", isolation_level=None, timeout=30)) as store:
            store.execute("BEGIN EXCLUSIVE")
            time.sleep(soak.draw.uniform(1, 8))
            store.execute("ROLLBACK")

    yield disturb


@contextmanager
def torn_lines(soak: Soak) -> Iterator[Disturb]:
    """What a full disk leaves: half a line at the end of files of lines."""
    for name in (".regbench/studies.journal", "retraining/decisions.jsonl"):
        path = soak.project.folder / name
        if path.exists():
            with path.open("ab") as file:
                file.write(b'{"outcome": "kep')
    yield lambda process: None


@contextmanager
def full_disk(soak: Soak) -> Iterator[Disturb]:
    """No file of a process may grow beyond some size from some moment on: writes fail as on a full disk (EFBIG)."""

    def disturb(process: "subprocess.Popen[str]") -> None:
        size = soak.draw.choice([0, 20_000, 500_000])
        soak.wait(process)
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            command = psutil.Process(process.pid)
            for each in (command, *command.children(recursive=True)):  # What they start inherits it.
                each.rlimit(psutil.RLIMIT_FSIZE, (size, size))

    yield disturb


FAULTS: dict[str, Fault] = {
    "no fault": nothing,
    "kill -9": signalled(signal.SIGKILL),
    "SIGTERM": signalled(signal.SIGTERM),
    "SIGINT": signalled(signal.SIGINT),
    "a second job": twice,
    "a held database": held_database,
    "torn lines": torn_lines,
    "a full disk": full_disk,
}


def broken_invariants(project: Project) -> list[str]:
    """Return what is wrong with a project after a quiet job: one champion, no run lost or doubled, no leak, ..."""
    found = []
    log, registered = records(project), versions(project)
    line = decision_log.champions(log)
    if champions(project) != [int(party.version) for party in line[-1:]]:
        found.append(f"champions in the registry: {champions(project)}, by the log: {line[-1:]}")
    if sorted(run["decision"] for run in decision_runs(project)) != sorted(record.key for record in log):
        found.append("MLflow's decisions are not those of the log")
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as store:
        query = "select t.value, count(*) from tags t join runs r on r.run_uuid = t.run_uuid where t.key = "
        query += "'regbench.key' and r.lifecycle_stage = 'active' group by t.value having count(*) > 1"
        found += [f"{count} runs of the key {key}" for key, count in store.execute(query).fetchall()]
        states = store.execute("select distinct status from runs where lifecycle_stage = 'active'").fetchall()
        found += [f"a run is {status}" for (status,) in states if status not in ("FINISHED", "FAILED", "KILLED")]
    images = pd.concat([images_of(project, number) for number in registered])
    splits = images.drop_duplicates(["hash", "split"]).groupby("hash")["split"].agg(set)
    found += [f"image {digest}: in {sorted(split)}" for digest, split in splits.items() if len(split) > 1]
    verified = project_command(project, "verify")
    found += [text for text in verified.stdout.splitlines() if text.startswith("PROBLEM")]
    left = [path for path in project.folder.rglob(".*") if TEMPORARY.fullmatch(path.name) and ".dvc" not in path.parts]
    found += [f"a temporary file: {path}" for path in left]
    found += [f"a process: {command}" for command in still_running(project)]
    found += [f"an open file: {path}" for path in open_files(project)]
    return found


def open_files(project: Project) -> list[str]:
    """Return the files of a project that some process holds open, with its id; there is nobody to write to them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            opened = [Path(file.path) for file in process.open_files()]
            found += [f"{path} by {process.pid}" for path in opened if path.is_relative_to(project.folder)]
    return found


def project_command(project: Project, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `regbench` in the project to its end."""
    return subprocess.run(
        [*REGBENCH, *arguments],
        cwd=project.folder,
        env=environment(project.folder),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def soak(folder: Path, minutes: float, seed: int) -> Soak:
    """Run a soak in a new folder; `problems` of what is returned should be empty."""
    run = Soak(create(folder, digits(600), **PARAMS), random.Random(seed))
    write_rows(run.project.folder / "incoming", digits(BATCH, start=600))
    first = project_command(run.project, "retrain")  # The first champion, so that there is something to lose.
    assert first.returncode == PROMOTED, first.stderr
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        run.step()
        print(f"soak: {sum(run.ends.values())} steps, {len(run.problems)} problems", file=sys.stderr, flush=True)
    quiet = project_command(run.project, "retrain", "--force")
    if quiet.returncode not in (PROMOTED, KEPT, NOTHING_NEW):
        run.problems.append(f"a quiet job at the end: exit code {quiet.returncode}: {quiet.stderr[-2_000:]}")
    run.problems += broken_invariants(run.project)
    return run


def main() -> None:
    """Print what happened and what is wrong; exit with 1 if anything is."""
    parser = argparse.ArgumentParser(description="Pipeline, retraining, syncing and prediction under faults.")
    parser.add_argument("folder", type=Path, help="a new folder for the project")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    print(f"soak: seed {asked.seed}, {asked.minutes:g} minutes, {os.cpu_count()} cores", flush=True)
    run = soak(asked.folder.resolve(), asked.minutes, asked.seed)
    for end, count in sorted(run.ends.items()):
        print(f"{count:4d} x {end}")
    outcomes = Counter(record.outcome for record in records(run.project))
    print(f"{sum(run.ends.values())} steps, {run.delivered} images delivered, decisions: {dict(outcomes)}")
    print(*(f"PROBLEM {problem}" for problem in run.problems), sep="\n")
    print("all invariants hold" if not run.problems else f"{len(run.problems)} problems")
    sys.exit(bool(run.problems))


if __name__ == "__main__":
    main()
