"""Updates MLflow and the page from the decision log. A later job completes what is missing."""

from regbench.config.params import Params
from regbench.files import write_json
from regbench.retraining.announced import logged_so_far, receipt_of
from regbench.retraining.decision_log import Log
from regbench.retraining.decision_record import Record
from regbench.retraining.page import write_page
from regbench.retraining.paths import JobPaths
from regbench.retraining.wording import markdown, numbers
from regbench.tracking.provenance import UNKNOWN
from regbench.tracking.registry import Registry
from regbench.tracking.run_record import RunRecord
from regbench.tracking.runs import Tracker
from regbench.tracking.store import Store


def announce(log: Log, registry: Registry, params: Params, place: JobPaths) -> None:
    """Update MLflow's decision runs, the version descriptions and the page from the log.

    Raises:
        TrackingError: MLflow failed; the page is written, and the next job completes the rest.
    """
    records = log.read()
    write_page(place.decisions / "decisions.html", records, registry.name)
    receipt = receipt_of(registry.store, place.state)
    done = logged_so_far(receipt, records)
    for number, record in enumerate(records[done:], start=done + 1):
        _log(registry.store, record, f"{params.track.experiment}-decisions", number)
        if record.challenger is not None:
            registry.describe(record.challenger.version, markdown(record))
        write_json(receipt, {"logged": number, "last": record.key})


def _log(store: Store, record: Record, experiment: str, number: int) -> None:
    """Log one decision as a separate run, once."""
    parties = {"champion": record.champion, "challenger": record.challenger}
    versions = {who: party.version for who, party in parties.items() if party is not None}
    run = RunRecord(
        experiment=experiment,
        name=f"{number} {record.outcome}",
        tags={
            "outcome": record.outcome,
            "data_hash": record.data_hash or UNKNOWN,
            "decision": record.key,
            "time": record.time,
            # The commit at the time of the decision, which may be long past.
            "git_commit": record.commit or UNKNOWN,
            "git_dirty": record.dirty or UNKNOWN,
            "mlflow.source.name": "regbench retrain",
            "mlflow.source.git.commit": record.commit or UNKNOWN,
            **{f"{who}.version": version for who, version in versions.items()},
        },
        stage="",
        note=markdown(record),
        params={"data.raw": record.raw, **{f"gate.{name}": str(value) for name, value in record.gate.items()}},
        curves={},
        summary=numbers(record),
    )
    for _ in Tracker(store).log_missing([run], {}):
        pass
