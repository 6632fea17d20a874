"""Syncs results to MLflow, idempotently, under a lock."""

from collections.abc import Container
from dataclasses import replace

from filelock import FileLock, Timeout
from tqdm import tqdm

from regbench.config.params import Params
from regbench.errors import TrackingError
from regbench.layout import Results
from regbench.tracking.collection import read_records, read_table, report_id, results_id
from regbench.tracking.receipt import Receipt
from regbench.tracking.run_record import RunRecord
from regbench.tracking.store import Store, configure_client, one_line, write_ahead

PATIENCE = 600
"""Seconds to wait for another process that logs to the same store."""


def bring_up_to_date(params: Params, results: Results, store: Store, fingerprint: str, ask: bool = False) -> Receipt:
    """Log the results that `store` does not have yet; write and return the receipt.

    Where the receipt says that equal content was logged, no request is sent to the store, unless `ask`.

    Raises:
        TrackingError: how many runs are not logged yet, and why. Those that are logged stay so.
    """
    records = read_records(params, results)
    comparison = results_id(record for record in records if record.compared)
    report = report_id(records)
    table = read_table(results)
    content = f"{results_id(records)} {report}"
    store.lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(store.lock, timeout=PATIENCE):
            receipt = Receipt.read(store)
            if ask or receipt.content != content or receipt.begun:
                receipt = _log(records, {"comparison": comparison, "report": report}, table, store, receipt)
            receipt = replace(receipt, fingerprint=fingerprint, content=content)
            receipt.write(store)
            return receipt
    except Timeout:
        raise TrackingError(
            f"{store.lock}: held by another process for {PATIENCE} s: run `regbench sync` later"
        ) from None
    except OSError as error:  # The lock is beside the database, whose disk may be full or only readable.
        raise _failure(records, Receipt.read(store).runs, store, one_line(error)) from error


def _log(records: list[RunRecord], shared: dict[str, str], table: str, store: Store, receipt: Receipt) -> Receipt:
    configure_client()
    write_ahead(store)
    from regbench.tracking.runs import Tracker  # imports mlflow

    known = dict(receipt.runs)
    current = {record.key: record.name for record in records}
    begun = receipt.begun | {key: name for key, name in current.items() if key not in known}
    replace(receipt, begun=begun).write(store)
    runs: dict[str, str] = {}
    variants: dict[str, str] = {}
    experiment = ""
    tracker = Tracker(store)
    progress = tqdm(total=len(records), desc="MLflow", unit="run", disable=None)
    try:
        for record, run in tracker.log_missing(records, shared):
            if run is not None:
                runs[record.key] = run.info.run_id
                if record.experiment == records[0].experiment:
                    experiment = run.info.experiment_id
                    variants[record.name] = run.info.run_id
            progress.update()
        tracker.present(records[0].experiment, shared["comparison"], variants, table)
        tracker.end_abandoned(records[0].experiment, begun.keys() - current.keys())
    except TrackingError as error:
        Receipt(runs=known | runs, begun=begun).write(store)
        raise _failure(records, known | runs, store, str(error)) from error
    finally:
        progress.close()
    return Receipt(comparison=shared["comparison"], experiment=experiment, runs=runs, variants=variants)


def _failure(records: list[RunRecord], known: Container[str], store: Store, reason: str) -> TrackingError:
    """Return the error that says how many runs are missing in `store`, why, and what to do."""
    pending = sum(record.key not in known for record in records)
    return TrackingError(f"{pending} runs not logged yet: {store.shown}: {reason}: run `regbench sync` when it is back")
