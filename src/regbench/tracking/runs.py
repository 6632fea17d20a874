"""Writes records as MLflow runs, each only once; no other package imports mlflow."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from mlflow.entities import LifecycleStage, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from regbench.errors import TrackingError
from regbench.layout import LIVE, STORE
from regbench.tracking.client import open_client, write_shared
from regbench.tracking.entities import dataset_of, metrics_of
from regbench.tracking.experiments import NOTE, OTHERS, Experiments
from regbench.tracking.live_runs import Watcher
from regbench.tracking.logged_model import ModelLogger
from regbench.tracking.provenance import Provenance, read_provenance
from regbench.tracking.run_record import RunRecord
from regbench.tracking.store import Store, one_line

KEY = "regbench.key"
"""Tag that holds the hash of the content that a run was made from."""
STANDING = "regbench.standing"
"""Tag of the sentence that begins the note, as it was logged last."""
METRICS_A_REQUEST, PARAMS_A_REQUEST = 900, 100
"""MLflow takes no more than 1,000 of both."""


class Tracker:
    """Writes records into one store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def log_missing(
        self, records: Sequence[RunRecord], shared: Mapping[str, str]
    ) -> Iterator[tuple[RunRecord, Run | None]]:
        """Bring the store up to date, and yield each record with its run as soon as that is complete.

        The run is None where somebody deleted it in MLflow, or the one that it is nested in: that is respected. Runs of
        equal content are found again by their key; one that was left unfinished is completed. Those that are compared
        carry the tags `shared`, which name the latest comparison that they belong to, and its report.

        Raises:
            TrackingError: the store cannot be reached or refuses; what was yielded before is complete.
        """
        with explained():
            # The first call makes the schema of a new database: the caller holds the store's lock.
            self.client = open_client(self.store)
            self.experiments = Experiments(self.client, self.store)
            self.models = ModelLogger(self.client, self.store.project / STORE)
            found: dict[str, str] = {}
            runs: dict[str, str] = {}
            self.new: set[str] = set()
            for record in records:
                if record.experiment not in found:
                    found[record.experiment] = self._open(record.experiment)
                run = None
                if not record.parent or record.parent in runs:
                    placed = self._placed(record, shared, runs.get(record.parent))
                    run = self._log(record, found[record.experiment], placed)
                if run is not None:
                    runs[record.key] = run.info.run_id
                yield record, run

    def present(self, name: str, comparison: str, variants: Mapping[str, str], table: str) -> None:
        """Describe the experiments, as `Experiments.present`, and end what was shown live; TrackingError as above."""
        with explained():
            self.experiments.present(name, comparison, variants, table)
            Watcher(self.client, self.store, name, self.store.project / LIVE).forget()

    def end_abandoned(self, name: str, begun: Collection[str]) -> None:
        """Mark half-logged runs as killed; `begun` has the keys of runs whose results are gone.

        If the same results come back, `log_missing` completes their runs. Raises TrackingError as above.
        """
        with explained():
            for ending in ("", *OTHERS) if begun else ():
                experiment = self.client.get_experiment_by_name(f"{name}{ending}")
                if experiment is not None:
                    for run in self.client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
                        if run.data.tags.get(KEY) in begun:
                            self.client.set_terminated(run.info.run_id, "KILLED")

    def _log(self, record: RunRecord, experiment: str, placed: dict[str, str]) -> Run | None:
        run = self._claim(record, experiment, placed)
        if run is None:
            return None
        ended = run.info.status == record.status
        if not ended:
            self._fill(run, record)
        self._place(run, record, placed)
        if not ended:
            # Last, since a run that ended is taken for complete. The times say how long training took.
            end = run.info.start_time + round(1000 * record.duration)
            self.client.set_terminated(run.info.run_id, record.status, end)
        return run

    def _open(self, name: str) -> str:
        """Return the id of an experiment, and note it where it is new: it has no run that could be found again.

        A search takes 3 microseconds for each run of the experiment, which 10,000 new ones would wait for. Only in
        a SQLite database is it certain that no other process adds runs: a writer holds its lock.
        """
        experiment = self.experiments.find(name).experiment_id
        if self.store.database is not None and not self.client.search_runs([experiment], "", ViewType.ALL, 1):
            self.new.add(experiment)
        return experiment

    def _claim(self, record: RunRecord, experiment: str, placed: dict[str, str]) -> Run | None:
        """Return the one run of this content, created if need be; None where it was deleted."""
        found = [] if experiment in self.new else self._search(record.key, experiment)
        if not found:
            start = round(1000 * (time.time() - record.duration))
            tags = self._tags(record) | ({} if record.compared else placed)
            created = self.client.create_run(experiment, start, tags, run_name=record.name)
            # A reply that gets lost after the server did the work makes MLflow's client ask again, which doubles runs.
            found = self._search(record.key, experiment) if self.store.served else [created]
        active = [run for run in found if run.info.lifecycle_stage == LifecycleStage.ACTIVE]
        active.sort(key=lambda run: (run.info.status != record.status, run.info.start_time, run.info.run_id))
        for duplicate in active[1:]:
            self.client.delete_run(duplicate.info.run_id)
        return active[0] if active else None

    def _search(self, key: str, experiment: str) -> list[Run]:
        return list(self.client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", ViewType.ALL))

    @cached_property
    def _provenance(self) -> Provenance:
        """Read only where there is something to log: `dvc.lock` takes a second."""
        return read_provenance(self.store.project)

    def _tags(self, record: RunRecord) -> dict[str, Any]:
        return {
            **record.machine,
            **(self._provenance.tags(record.stage) if record.stage else {}),
            **record.tags,
            KEY: record.key,
            NOTE: record.note,
        }

    def _fill(self, run: Run, record: RunRecord) -> None:
        """Log all of a record; what an interrupted attempt has logged already is logged again without effect."""
        run_id, start = run.info.run_id, run.info.start_time
        params = [Param(name, value) for name, value in record.params.items()]
        rest = metrics = list(metrics_of(record, start))
        while rest or params:
            self.client.log_batch(run_id, rest[:METRICS_A_REQUEST], params[:PARAMS_A_REQUEST])
            rest, params = rest[METRICS_A_REQUEST:], params[PARAMS_A_REQUEST:]
        if not record.parent:
            write_shared(lambda: self.client.log_inputs(run_id, datasets=[dataset_of(record)]))
        for artifact, path in record.files.items():
            self.client.log_artifact(run_id, str(path), artifact.rpartition("/")[0] or None)
        if record.network is not None:
            self.models.log(run, record, record.network, metrics)

    def _placed(self, record: RunRecord, shared: Mapping[str, str], parent: str | None) -> dict[str, str]:
        """Return the tags that depend on the other runs of the comparison; they may change."""
        tags = {"mlflow.runColor": record.colour, "mlflow.parentRunId": parent or "", **record.verdicts}
        if record.standing:
            tags |= {STANDING: record.standing, NOTE: record.described(record.standing)}
        return {name: value for name, value in tags.items() if value} | (dict(shared) if record.compared else {})

    def _place(self, run: Run, record: RunRecord, placed: dict[str, str]) -> None:
        """Put a run into the latest comparison: the tags last, since they say that the report is there."""
        news = {name: value for name, value in placed.items() if run.data.tags.get(name) != value}
        # A note that a person wrote in MLflow is kept.
        written = (record.note, record.described(run.data.tags.get(STANDING, "")))
        if run.data.tags.get(NOTE, record.note) not in written:
            news.pop(NOTE, None)
        if "report" in news:
            for path in record.report:
                self.client.log_artifact(run.info.run_id, str(path), "report")
        if news:
            self.client.log_batch(run.info.run_id, tags=[RunTag(name, value) for name, value in news.items()])


@contextmanager
def explained() -> Iterator[None]:
    """Turn what MLflow raises into a TrackingError of one line."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise TrackingError(one_line(error)) from error
