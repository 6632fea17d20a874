"""Restores the previous champion by hand; this is a decision with a record."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from regbench.config.checking import load_params
from regbench.errors import InputError
from regbench.retraining.decision_log import Log, champions
from regbench.retraining.decision_record import Record, decision_key
from regbench.retraining.ended import Ended, tell
from regbench.retraining.job import recover
from regbench.retraining.locking import only_job
from regbench.retraining.paths import JobPaths
from regbench.runtime.redaction import shown_path
from regbench.tracking.provenance import read_provenance
from regbench.tracking.store import configure_client, find_store


def roll_back(place: JobPaths, reason: str, wait: float = 0) -> Record:
    """Restore the previous champion, and return the record of the decision.

    Its files are verified first. A later job does not promote the network that was rolled back, but may promote others.

    Raises:
        BusyError: another job is running.
        InputError: the log has no previous champion.
        IntegrityError: the files of the previous champion have changed.
        TrackingError: MLflow fails; the champion is unchanged.
    """
    with only_job(place.state, wait):
        params, log, begin = load_params(place.params), Log(place.decisions), time.monotonic()
        configure_client()
        from regbench.retraining.announce import announce
        from regbench.retraining.gate import party
        from regbench.tracking.registry import Registry  # imports mlflow

        registry = Registry(find_store(Path.cwd()), params.retrain.model)
        recover(registry, log)
        champion, records = registry.champion(), log.read()
        line = champions(records)
        if champion is None or len(line) < 2 or line[-1].version != champion.number:
            raise InputError(
                f"{log.path}: knows of no champion before {champion and f'version {champion.number}'}: set the alias "
                f"`champion` of the model {registry.name} in MLflow by hand"
            )
        earlier = registry.version(line[-2].version)
        with TemporaryDirectory() as folder:
            registry.folder(earlier, Path(folder), line[-2].key)
        provenance = read_provenance(Path.cwd(), [Path(params.data.raw), place.decisions])
        record = Record(
            outcome="rolled back",
            reasons=(reason,),
            raw=shown_path(params.data.raw),
            champion=party(champion),
            challenger=party(earlier),
            commit=provenance.commit,
            dirty=provenance.dirty,
            key=decision_key("rolled back", champion.key, earlier.key, len(records)),
        ).dated()
        log.begin(record)
        registry.promote(earlier, over=champion)
        log.finish()
        announce(log, registry, params, place)
        tell(params.retrain, log, Ended(record.outcome, record, record.reasons), begin)
        return record
