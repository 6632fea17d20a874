"""The job, from new data to a decision, and back by hand; safe to kill at any moment.

Four things hold state: the *pipeline* (DVC's outputs), the *registry* (versions and the alias `champion`), the *log* of
decisions, and what follows from the log (MLflow's runs, the page, what is published). They change in this order:

1. lock; recover what a killed job began; see that MLflow answers. Nothing has changed so far.
2. `dvc repro`: finished stages are never repeated, so a killed job goes on where it was.
3. The challenger becomes a version, found again by the hash of its network.
4. The record is written to `pending.json`.
5. The alias is moved: one write, the commit point. Before it the decision never happened, after it it did.
6. The record is appended to the log. A job killed between 5 and 6 left `pending.json`, and the alias says what became
   of it; the next job appends or forgets it (step 1).
7. MLflow, page and publishing are brought up to date with the log, whoever wrote it.

So the registry has a champion at every moment after the first one, never two, and each step may be repeated.

What is new is decided by content: the key of a decision is the hash of both networks, the data and the gate. If the log
has it, nothing is new, however often the job runs. Changed parameters or code change the network, and so count as new.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.data.ingest import ingest
from regbench.errors import InputError, IntegrityError, RejectedDataError
from regbench.params import Params
from regbench.params_file import load_params
from regbench.retraining.locking import only_job
from regbench.retraining.pipeline import PipelineError, publish, repro
from regbench.retraining.place import Place
from regbench.retraining.records import Log, Record, champions, decision_key
from regbench.tracking.store import Store, configure_client, find_store

if TYPE_CHECKING:  # it imports mlflow, which takes seconds
    from regbench.registry import Registry

EXIT_CODES = {"promoted": 0, "rolled back": 0, "kept": 10, "nothing new": 11}
"""How a job that did its work may end; that it failed, was refused or another is under way are errors, with theirs."""


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    outcome: str
    """A key of `EXIT_CODES`."""
    record: Record | None
    """The decision, if one was made."""


def retrain(place: Place, force: bool = False, wait: float = 0) -> Ended:
    """Run the job; `force` trains and decides anew although nothing is new.

    Raises:
        BusyError: another job is under way, and still is after `wait` seconds.
        RejectedDataError: the new data are not to be trained on.
        RegbenchError: it failed, and says why; the champion is as it was, and the next job completes this one.
    """
    with only_job(place.state, wait):
        params, project, log = load_params(place.params), Path.cwd(), Log(place.decisions)
        configure_client()
        from regbench.registry import Registry  # imports mlflow, seconds after a second job has been turned away
        from regbench.retraining.announce import announce

        registry = Registry(find_store(project), params.retrain.model)
        champion = registry.champion()
        log.recover(champion.number if champion else None)
        _refuse_lost_champion(log, champion is None, registry.store)
        try:
            _take_in(params, place, project)
        except RejectedDataError as error:
            _reject(log, params, str(error))
            announce(log, registry, params, place)
            raise
        repro(project, *(["--force"] if force else []))
        record = _challenge(registry, log, params, place, force)
        announce(log, registry, params, place)
        publish(project, params.retrain.publish, _message(record, log))
        return Ended(record.outcome if record else "nothing new", record)


def _refuse_lost_champion(log: Log, lost: bool, store: Store) -> None:
    line = champions(log.read())
    if lost and line:
        raise IntegrityError(
            f"{store.shown}: has no champion, and by {log.path} version {line[-1].version} is: restore mlflow.db and "
            f"mlartifacts from a backup, or move {log.path.parent} away to start anew"
        )


def _take_in(params: Params, place: Place, project: Path) -> None:
    """Bring today's data into arrays; data that ingest refuses are a RejectedDataError with its reasons."""
    try:
        repro(project, "ingest")
    except PipelineError:
        try:
            ingest(params.data, former_dir=place.results.data)
        except InputError as error:
            raise RejectedDataError(str(error)) from None
        raise


def _reject(log: Log, params: Params, reason: str) -> None:
    """Log data that were rejected, once as long as they stay the same."""
    records = log.read()
    key = decision_key("rejected", reason)
    if not records or records[-1].key != key:
        champion = records[-1].in_use if records else None
        record = Record("rejected", tuple(reason.splitlines()[:20]), raw=params.data.raw, champion=champion, key=key)
        log.append(record.dated())


def _challenge(registry: "Registry", log: Log, params: Params, place: Place, force: bool) -> Record | None:
    from regbench.retraining.challenger import choose
    from regbench.retraining.gate import Today, judge, missing_run, register
    from regbench.tracking.finals import FinalsReader
    from regbench.tracking.ledger import bring_up_to_date
    from regbench.tracking.provenance import read_provenance
    from regbench.tracking.receipt import fingerprint
    from regbench.tuned import with_tuned

    results = place.results
    params = with_tuned(params, results.tuned)
    chosen = choose(params, results.runs)
    folders = [getattr(results, name) for name in results.__dataclass_fields__]
    receipt = bring_up_to_date(params, results, registry.store, fingerprint([place.params, *folders]), ask=True)
    key = FinalsReader(params, results).seed(chosen.variant, chosen.seed).key
    if key not in receipt.runs:
        raise missing_run(chosen.variant, chosen.seed)
    data = [Path(path) for path in (params.data.raw, params.retrain.incoming) if path]
    provenance = read_provenance(Path.cwd(), [*data, place.decisions])
    today = Today(params, place, provenance, datetime.now(UTC).isoformat() if force else "")
    version = register(registry, today, chosen, receipt.runs[key])
    return judge(registry, log, today, version)


def _message(record: Record | None, log: Log) -> str:
    last = record or next(iter(reversed(log.read())), None)
    return f"dvc.lock of data {last.data_hash[:12]}: {last.outcome}" if last else "dvc.lock"
