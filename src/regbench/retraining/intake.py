"""Takes in new data: merges them, checks them for drift and ingests them; unfit data are left alone."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from regbench.config.params import Params
from regbench.data.ingest import ingest
from regbench.errors import InputError, RejectedDataError
from regbench.retraining.decision_log import Log
from regbench.retraining.drift import DriftReport
from regbench.retraining.drift_check import watch
from regbench.retraining.gate import Intake, known_key
from regbench.retraining.incoming import Plan, plan_merge
from regbench.retraining.paths import JobPaths
from regbench.retraining.pipeline import PipelineError, repro
from regbench.tracking.registry import Registry


class DriftedDataError(RejectedDataError):
    """The new data are too far from the champion's; holds the drift report."""

    def __init__(self, report: DriftReport) -> None:
        super().__init__("\n".join(report.alarms))
        self.report = report


def take_in(registry: Registry, log: Log, params: Params, place: JobPaths, project: Path) -> Intake:
    """Merge the incoming images, and ingest all data into arrays.

    Images of `retrain.incoming` are compared with the champion's before the merge. Other new images are already in the
    user's raw data, so they are compared after ingest has read them.

    Raises:
        InputError: a wrong parameter, or a full disk; nothing was merged.
        RejectedDataError: rows that cannot be used, or drift beyond a limit; nothing was merged, nothing is trained.
        PipelineError: DVC failed for another reason.
    """
    intake = Intake()
    if incoming := params.retrain.incoming:
        plan = plan_merge(Path(incoming), params.data, place.results.data)
        if plan.additions:
            intake = _look(registry, log, params, place.results.data, plan)
        merged = plan.carry_out()
        if merged.anything:
            print(f"{incoming}: {merged.labelled:,} labelled and {merged.unlabelled:,} other images", file=sys.stderr)
    _ingest(params, place, project)
    return intake if incoming else _look(registry, log, params, place.results.data)


def _ingest(params: Params, place: JobPaths, project: Path) -> None:
    try:
        repro(project, "ingest")
    except PipelineError:
        try:
            # Run ingest again here, to learn whether the data are the cause, and which rows.
            ingest(params.data, earlier_dir=place.results.data)
        except InputError as error:
            raise RejectedDataError(str(error)) from None
        raise


def _look(registry: Registry, log: Log, params: Params, data: Path, plan: Plan | None = None) -> Intake:
    champion = registry.champion()
    if champion is None or not (data / "dataset.json").exists():
        return Intake()
    with TemporaryDirectory() as folder:
        registry.folder(champion, Path(folder), known_key(log.read(), champion))
        report = watch(params, data, Path(folder), plan)
    if report is None:
        return Intake()
    if report.level == "stop":
        raise DriftedDataError(report)
    return Intake(report.alarms, report.to_json())
