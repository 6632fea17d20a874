"""The retraining job, from new data to a decision. It is safe to kill at any moment.

Four things hold state: the *pipeline* (DVC's outputs), the *registry* (versions and the alias `champion`), the *log* of
decisions, and what follows from the log (MLflow's runs, the page, what is published). They change in this order:

1. Lock; complete what a killed job began; see that MLflow answers. Nothing has changed so far.
2. Incoming images are merged, and `dvc repro` runs. What is finished is not repeated, so a killed job continues there.
3. The challenger becomes a version, found again by the hash of its network.
4. The record is written to `pending.json`.
5. The alias is moved: one write, the commit point. Before it the decision never happened, after it it did.
6. The record is appended to the log. A job killed between 5 and 6 left `pending.json`, and the alias says what became
   of it; the next job appends or forgets it (step 1).
7. MLflow, the page and what is published are updated from the log; notifications are sent.

So the registry has a champion at every moment after the first one, never two, and each step may be repeated.

What is new is decided by content: the key of a decision is the hash of both networks, the data and the gate. If the log
has it, nothing is new, however often the job runs. Changed parameters or code change the network, and so count as new.
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

if TYPE_CHECKING:  # They import mlflow, which takes seconds: a second job is turned away before.
    from regbench.retraining.gate import Intake
    from regbench.tracking.registry import Registry

EXIT_CODES = {"promoted": 0, "kept": 10, "nothing new": 11}
"""How a job that did its work may end; rejected data, a job under way and failures are errors, with codes of theirs."""


def retrain(place: JobPaths, force: bool = False, wait: float = 0) -> Ended:
    """Run the job; `force` trains and decides again although nothing is new.

    Raises:
        BusyError: another job is under way, and still is after `wait` seconds.
        RejectedDataError: the new data are not to be trained on.
        RegbenchError: it failed, and says why; the champion is as it was, and the next job completes this one.
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
    """Complete or forget the move that a killed job began.

    Raises:
        IntegrityError: the registry has lost the champion that the log knows.
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
    """Log data that were rejected, once as long as they stay the same."""
    records, key = log.read(), decision_key("rejected", reason)
    if not records or records[-1].key != key:
        champion = records[-1].in_use if records else None
        reasons = tuple(reason.splitlines()[:20])
        record = Record("rejected", reasons, raw=shown_path(params.data.raw), champion=champion, drift=drift, key=key)
        log.append(record.dated())


def _challenge(
    registry: "Registry", log: Log, params: Params, place: JobPaths, intake: "Intake", force: bool
) -> Record | None:
    """Log all runs, find the challenger among them, and bring it before the gate."""
    from regbench.config.tuned import with_tuned
    from regbench.data.dataset import SPLITS
    from regbench.retraining.challenger import choose
    from regbench.retraining.challenger_run import logged_run
    from regbench.retraining.gate import GateInputs, judge, register
    from regbench.tracking.dvc_outputs import require_recorded
    from regbench.tracking.provenance import read_provenance

    # What DVC restored from its cache is not proven by it.
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
