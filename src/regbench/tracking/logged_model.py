"""The model of a run as MLflow keeps and serves it: raw pixels in, class probabilities out."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.pytorch
import numpy as np
import torch
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric, Run
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec
from torch import Tensor, nn

from regbench.files import read_json
from regbench.model import load_model
from regbench.tracking.run_record import Network, RunRecord

NAME = "model"
"""Name in every run, so that `runs:/RUN_ID/model` finds it."""


class Probabilities(nn.Module):
    """A classifier that answers with probabilities (N, K) to raw pixels 0..255, uint8, of shape (N, C, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return class probabilities, each row summing to 1."""
        logits: Tensor = self.network(images)
        return logits.softmax(1)


def log_model(client: MlflowClient, run: Run, record: RunRecord, network: Network, metrics: Sequence[Metric]) -> None:
    """Log the model of a record to its run, once: what an earlier, interrupted attempt began is completed.

    The model carries the run's numbers at its epoch, and its summary numbers.
    """
    linked = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
    model = _claim(client, run, record, network, linked)
    if model.status == LoggedModelStatus.READY:
        return
    # More threads gain nothing here, and spin while another process has their core.
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        described = Model(run_id=run.info.run_id, model_id=model.model_id, artifact_path=model.artifact_location)
        save(load_model(network.folder), path, network, described)
        client.log_model_artifacts(model.model_id, str(path))
    if model.model_id not in linked:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, network.best_epoch)])
    described_by = [m for m in metrics if _describes_model(m, record, network)]
    client.log_batch(run.info.run_id, [_attached(metric, model.model_id) for metric in described_by])
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def _claim(client: MlflowClient, run: Run, record: RunRecord, network: Network, linked: set[str]) -> LoggedModel:
    """Return the one model of a run, created if need be; the one linked to the run first, since a link stays."""
    experiment, mine = run.info.experiment_id, f"source_run_id = '{run.info.run_id}'"
    found = list(client.search_logged_models([experiment], mine))
    if not found:
        classes = read_json(network.folder / "model.json")["classes"]
        tags = {**record.tags, "classes": json.dumps(classes)}
        client.create_logged_model(experiment, NAME, run.info.run_id, tags, record.params)
        # As with runs, a lost reply may have doubled it.
        found = list(client.search_logged_models([experiment], mine))
    found.sort(key=lambda model: (model.model_id not in linked, model.creation_timestamp, model.model_id))
    for double in found[1:]:
        client.delete_logged_model(double.model_id)
    return found[0]


def save(trained: nn.Module, path: Path, network: Network, described: Model) -> None:
    """Write MLflow's model folder: an exported graph without pickle, its signature and requirements."""
    # Exported in training mode, dropout would stay in the graph for ever.
    servable = Probabilities(trained).eval()
    with torch.inference_mode():
        classes = servable(torch.from_numpy(network.example)).shape[1]
    # Unnamed: MLflow would pass named tensors as a dictionary, which its PyTorch models refuse.
    inputs = TensorSpec(np.dtype(np.uint8), (-1, *network.example.shape[1:]))
    outputs = TensorSpec(np.dtype(np.float32), (-1, classes))
    mlflow.pytorch.save_model(
        servable,
        str(path),
        mlflow_model=described,
        serialization_format="pt2",
        signature=ModelSignature(Schema([inputs]), Schema([outputs])),
        # Two images: with one, the exported graph would take single images only.
        input_example=network.example,
        # Given, since MLflow would spend ten seconds a model to find them out.
        pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in ("mlflow", "numpy", "torch")],
    )


def _describes_model(metric: Metric, record: RunRecord, network: Network) -> bool:
    return metric.key in record.summary or (metric.key in record.curves and metric.step == network.best_epoch)


def _attached(metric: Metric, model_id: str) -> Metric:
    """Return the same measurement with the model's id: the run keeps it once, the model gets it too."""
    return Metric(metric.key, metric.value, metric.timestamp, metric.step, model_id=model_id)
