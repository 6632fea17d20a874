"""Tells how to repeat an MLflow run, and what has changed since."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from regbench.config.params import Params
from regbench.files import read_json
from regbench.runtime.machine import processor, software
from regbench.tracking.provenance import UNKNOWN, read_provenance
from regbench.tracking.settings import settings


@dataclass(frozen=True)
class LoggedRun:
    """What MLflow holds of a run, as far as it matters here."""

    run_id: str
    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]

    def tag(self, name: str) -> str:
        """Return a tag, or `unknown`."""
        return self.tags.get(name, UNKNOWN)


def describe(run: LoggedRun, params: Params, project: Path) -> str:
    """Return, in lines, the commands that make a run again, and each thing that differs from `project` as it is.

    A run that no stage made, such as that of a decision, is reported as such: there is nothing to run again.
    """
    title = f"{run.name}, MLflow run {run.run_id}"
    if "dvc_stage" not in run.tags:
        made = f"Made by {run.tag('mlflow.source.name')}, not by a stage of the pipeline: it cannot be run again."
        return "\n".join([title, "", made, *_code(run, project), *_data(run, project)])
    again = [
        "To make it again:",
        f"  git checkout {run.tag('git_commit')}",
        "  dvc pull            # optional: fetches what a remote holds, so that it need not be computed",
        f"  dvc repro {run.tag('dvc_stage')}",
        f"which runs: {run.tag('command')}",
    ]
    facts = [*_code(run, project), *_data(run, project), *_machine(run), *_parameters(run, params)]
    return "\n".join([title, "", *again, "", *facts])


def _code(run: LoggedRun, project: Path) -> Iterator[str]:
    now = read_provenance(project)
    entry = now.stages.get(run.tag("dvc_stage"))
    yield f"Commit: {run.tag('git_commit')}{_now(run.tag('git_commit'), now.commit)}"
    if run.tag("git_dirty") == "true":
        same = (run.tag("git_commit"), run.tag("git_diff")) == (now.commit, now.diff)
        here = "this working copy has the same ones" if same else "the commit alone does not give this run"
        yield f"Code or parameters had changes that were not committed ({run.tag('git_diff')[:12]}): {here}"
    if entry is not None:
        yield f"Entry in dvc.lock: {run.tag('dvc_stage_lock')[:12]}{_now(run.tag('dvc_stage_lock'), entry.entry)}"


def _data(run: LoggedRun, project: Path) -> Iterator[str]:
    report = project / "data/report/report.json"
    now = str(read_json(report)["data_hash"]) if report.is_file() else UNKNOWN
    # A trial's run names no data.
    raw = f"{run.params['data.raw']} " if "data.raw" in run.params else ""
    yield f"Data: {raw}{run.tag('data_hash')[:12]}{_now(run.tag('data_hash'), now)}"


def _machine(run: LoggedRun) -> Iterator[str]:
    for name, now in (("processor", processor()), ("software", software())):
        yield f"{name.capitalize()}: {run.tag(name)}{_now(run.tag(name), now)}"


def _parameters(run: LoggedRun, params: Params) -> Iterator[str]:
    variant = run.tag("variant")
    if variant not in params.names:
        yield f"Parameters: there is no variants.{variant} now"
        return
    now = settings(params, variant)
    changed = [f"  {key}: {value}, now {now[key]}" for key, value in run.params.items() if now.get(key, value) != value]
    yield "Parameters that differ now:" if changed else "Parameters: as now"
    yield from changed


def _now(then: str, now: str) -> str:
    """Say whether something is still as it was; hashes are cut."""
    shown = now[:12] if len(now) in (40, 64) and " " not in now else now
    return ", as now" if then == now else f", now {shown}"
