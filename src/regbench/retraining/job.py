"""The retraining job, from new data to a decision. It is safe to kill at any moment.

Four things hold state: the *pipeline* (DVC's outputs), the *registry* (versions and the alias `champion`), the *log* of
decisions, and what follows from the log (MLflow's runs, the page, what is published). They change in this order:

1. Take the lock; complete what a killed job began; check that MLflow answers. Nothing has changed so far.
2. Merge incoming images, and run `dvc repro`. Finished stages are not repeated, so a killed job resumes here.
3. Register the challenger as a version, which later jobs find by the hash of its network.
4. Write the record to `pending.json`.
5. Move the alias: one write, the commit point. Before it the decision has no effect, after it the decision is final.
6. Append the record to the log. A job killed between 5 and 6 leaves `pending.json`. The alias then shows whether the
   move happened, and the next job appends or drops the record (step 1).
7. Update MLflow, the page and what is published from the log; send notifications.

So after the first promotion the registry always has exactly one champion, and each step may be repeated.

Content decides whether something is new: the key of a decision is the hash of both networks, the data and the gate. If
the log has this key, nothing is new. Changed parameters or code change the network, and so count as new.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.errors import IntegrityError, RejectedDataError
from regbench.retraining.decision_log import Log, champions
from regbench.retraining.decision_record import Record, decision_key
from regbench.retraining.ended import Ended, failed, settings_of, tell
from regbench.retraining.locking import only_job
from regbench.retraining.paths import JobPaths
from regbench.retraining.pipeline import publish, repro
from regbench.runtime.git import current_branch
from regbench.runtime.redaction import shown_path
from regbench.tracking.store import configure_client, find_store

if TYPE_CHECKING:  # They import mlflow, which takes seconds: a second job is refused before that.
    from regbench.retraining.gate import Intake
    from regbench.tracking.registry import Registry

EXIT_CODES = {"promoted": 0, "kept": 10, "nothing new": 11}
"""Outcomes of a job without errors; rejected data, a running job and failures are errors with other codes."""


def retrain(place: JobPaths, force: bool = False, wait: float = 0) -> Ended:
    """Run the job; `force` trains and decides again although nothing is new.

    Raises:
        BusyError: another job is still running after `wait` seconds.
        RejectedDataError: the new data are not fit for training.
        RegbenchError: the job failed; the champion is unchanged, and the next job completes this one.
    """
    with only_job(place.state, wait):
        log, begin = Log(place.decisions), time.monotonic()
        try:
            record = _retrain(load_params(place.params), log, place, force)
        except BaseException as error:
            tell(settings_of(place.params, isinstance(error, KeyboardInterrupt)), log, failed(error), begin)
            raise
        ended = Ended(record.outcome, record, record.reasons) if record else Ended("nothing new")
        tell(settings_of(place.params), log, ended, begin)
        return ended


def _retrain(params: Params, log: Log, place: JobPaths, force: bool) -> Record | None:
    configure_client()
    from regbench.retraining.announce import announce
    from regbench.retraining.intake import DriftedDataError, take_in
    from regbench.tracking.registry import Registry

    project = Path.cwd()
    branch = current_branch(project) if params.retrain.publish.push else None
    registry = Registry(find_store(project), params.retrain.model)
    recover(registry, log)
    try:
        intake = take_in(registry, log, params, place, project)
    except RejectedDataError as error:
        drift = error.report.to_json() if isinstance(error, DriftedDataError) else {}
        _reject(log, params, str(error), drift)
        announce(log, registry, params, place)
        raise
    repro(project, *(["--force"] if force else []))
    record = _challenge(registry, log, params, place, intake, force)
    announce(log, registry, params, place)
    publish(project, params.retrain.publish, _message(log), branch)
    return record


def recover(registry: "Registry", log: Log) -> None:
    """Complete or drop the move that a killed job began.

    Raises:
        IntegrityError: the champion of the log is no longer in the registry.
    """
    champion = registry.champion()
    log.recover(champion.number if champion else None)
    line = champions(log.read())
    if champion is None and line:
        raise IntegrityError(
            f"{registry.store.shown}: has no champion, and by {log.path} version {line[-1].version} is: restore "
            f"mlflow.db and mlartifacts from a backup, or move {log.path.parent} away to start again"
        )


def _reject(log: Log, params: Params, reason: str, drift: Mapping[str, Any]) -> None:
    """Log a rejection of data, only once while the data stay the same."""
    records, key = log.read(), decision_key("rejected", reason)
    if not records or records[-1].key != key:
        champion = records[-1].in_use if records else None
        reasons = tuple(reason.splitlines()[:20])
        record = Record("rejected", reasons, raw=shown_path(params.data.raw), champion=champion, drift=drift, key=key)
        log.append(record.dated())


def _challenge(
    registry: "Registry", log: Log, params: Params, place: JobPaths, intake: "Intake", force: bool
) -> Record | None:
    """Log all runs, choose the challenger among them, and pass it to the gate."""
    from regbench.config.tuned import with_tuned
    from regbench.data.dataset import SPLITS
    from regbench.retraining.challenger import choose
    from regbench.retraining.challenger_run import logged_run
    from regbench.retraining.gate import GateInputs, judge, register
    from regbench.tracking.dvc_outputs import require_recorded
    from regbench.tracking.provenance import read_provenance

    # DVC does not verify the files that it restores from its cache.
    require_recorded(Path.cwd(), [*(place.results.data / name for name in SPLITS), place.results.runs])
    params = with_tuned(params, place.results.tuned)
    chosen = choose(params, place.results.runs)
    run = logged_run(registry.store, params, place, chosen)
    data = [Path(path) for path in (params.data.raw, params.retrain.incoming) if path]
    provenance = read_provenance(Path.cwd(), [*data, place.decisions])
    inputs = GateInputs(params, place, provenance, intake, datetime.now(UTC).isoformat() if force else "")
    return judge(registry, log, inputs, register(registry, inputs, chosen, run))


def _message(log: Log) -> str:
    judged = [record for record in log.read() if record.data_hash]
    return f"Retrained on data {judged[-1].data_hash[:12]}: {judged[-1].outcome}" if judged else "Retrained"
