"""Logs the model of a run once, and links it to the run's metrics."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric, Run

from regbench.files import read_json
from regbench.tracking.model_folder import ModelFolders
from regbench.tracking.run_record import Network, RunRecord

NAME = "model"
"""Name in every run, so that `runs:/RUN_ID/model` finds it."""


class ModelLogger:
    """Logs the models of runs to one store."""

    def __init__(self, client: MlflowClient, results_store: Path) -> None:
        """Log by `client`; the project's store, at `results_store`, keeps what models share."""
        self.client, self.folders = client, ModelFolders(results_store)

    def log(self, run: Run, record: RunRecord, network: Network, metrics: Sequence[Metric]) -> None:
        """Log the model of a record to its run, once: what an earlier, interrupted attempt began is completed.

        The model carries the run's numbers at its epoch, and its summary numbers.
        """
        linked = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
        model = self._claim(run, record, network, linked)
        if model.status == LoggedModelStatus.READY:
            return
        with TemporaryDirectory() as folder:
            path = Path(folder) / NAME
            # MLflow would write where the artifacts are, which may be below somebody's home.
            self.folders.write(path, network, run.info.run_id, model.model_id, NAME)
            self.client.log_model_artifacts(model.model_id, str(path))
        if model.model_id not in linked:
            self.client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, network.best_epoch)])
        described_by = [m for m in metrics if _describes_model(m, record, network)]
        self.client.log_batch(run.info.run_id, [_attached(metric, model.model_id) for metric in described_by])
        self.client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)

    def _claim(self, run: Run, record: RunRecord, network: Network, linked: set[str]) -> LoggedModel:
        """Return the one model of a run, created if need be; the one linked to the run first, since a link stays."""
        experiment, mine = run.info.experiment_id, f"source_run_id = '{run.info.run_id}'"
        found = list(self.client.search_logged_models([experiment], mine))
        if not found:
            classes = read_json(network.folder / "model.json")["classes"]
            tags = {**record.tags, "classes": json.dumps(classes)}
            self.client.create_logged_model(experiment, NAME, run.info.run_id, tags, record.params)
            # As with runs, a lost reply may have doubled it.
            found = list(self.client.search_logged_models([experiment], mine))
        found.sort(key=lambda model: (model.model_id not in linked, model.creation_timestamp, model.model_id))
        for double in found[1:]:
            self.client.delete_logged_model(double.model_id)
        return found[0]


def _describes_model(metric: Metric, record: RunRecord, network: Network) -> bool:
    return metric.key in record.summary or (metric.key in record.curves and metric.step == network.best_epoch)


def _attached(metric: Metric, model_id: str) -> Metric:
    """Return the same measurement with the model's id: the run keeps it once, the model gets it too."""
    return Metric(metric.key, metric.value, metric.timestamp, metric.step, model_id=model_id)
