"""MLflow's folder of a model: an exported graph without pickle, and a small wrapper that returns labels."""

import json
import platform
import shutil
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import torch
from mlflow.models import Model
from torch import Tensor

from regbench.engine.store import Store
from regbench.errors import IntegrityError, reason_of
from regbench.files import digest
from regbench.networks.ensemble import load_predictor
from regbench.networks.predictor import Predictor
from regbench.networks.served import Probabilities
from regbench.runtime.code_identity import identity_of
from regbench.tracking.run_record import Network

TEMPLATES = "templates"
"""Kind of the store's entries."""
CODE = "regbench.tracking.model_template"
"""The module whose code, with all that it imports, decides what a template holds."""
DESCRIPTION, GRAPH = "MLmodel", "data/model.pt2"
"""Files of the folder that differ from model to model."""
WEIGHTS = "model/data/weights"
"""Folder of the weights in a graph's archive: https://docs.pytorch.org/docs/stable/user_guide/torch_compiler/export."""


class ModelFolders:
    """Writes the folders of models.

    It takes seconds to trace a graph and to let MLflow describe it. So this is done once per architecture, and the
    store keeps the result as a template. Models of one architecture differ only in their weights: dropout is not part
    of the graph.
    """

    def __init__(self, results: Path) -> None:
        """Open it; `results` is the folder of the project's store."""
        self.store, self._described = Store(results), lru_cache(Model.load)

    def write(self, path: Path, network: Network, run_id: str, model_id: str, artifact_path: str) -> None:
        """Write the folder of a saved network; the last three are fields of MLflow's `Model`.

        Raises:
            IntegrityError: the network cannot be loaded, or its template is damaged.
        """
        trained = load_predictor(network.folder)
        template = self.template(trained, network)
        shutil.copytree(template, path, ignore=shutil.ignore_patterns(DESCRIPTION, Path(GRAPH).name))
        try:
            replace_weights(template / GRAPH, Probabilities(trained).state_dict(), path / GRAPH)
            shared = self._described(str(template))
        except OSError:
            raise
        except Exception as error:  # whatever libraries raise for damaged files
            raise IntegrityError(f"{template}: is damaged: {reason_of(error)}: delete this folder") from None
        Model(
            artifact_path=artifact_path,
            run_id=run_id,
            model_id=model_id,
            flavors=shared.flavors,
            signature=shared.signature,
            saved_input_example_info=shared.saved_input_example_info,
            model_size_bytes=shared.model_size_bytes,
            metadata=shared.metadata,
        ).save(str(path / DESCRIPTION))

    def template(self, trained: Predictor, network: Network) -> Path:
        """Return the folder that all models of a network's architecture share; it is made where there is none."""
        name = digest(
            {
                "architecture": trained.architecture.to_json(),
                "example": network.example.tolist(),
                "code": identity_of(CODE),
                "versions": [platform.python_version(), *map(version, ("mlflow", "numpy", "torch"))],
            }
        )
        if self.store.find(TEMPLATES, name) is None:
            from regbench.tracking.model_template import write_template  # imports all that traces graphs, 3 s

            with self.store.write(TEMPLATES, name) as folder:
                write_template(folder, network)
        return self.store.place(TEMPLATES, name)


def replace_weights(graph: Path, weights: Mapping[str, Tensor], out: Path) -> None:
    """Write a copy of an exported graph with other weights of the same names, sizes and memory layouts.

    `torch.export.save` would write the whole graph again, for each model, which takes ten times as long.

    Raises:
        ValueError: a weight has another size.
    """
    with ZipFile(graph) as source, ZipFile(out, "w") as target:
        listed = json.loads(source.read(f"{WEIGHTS}/model_weights_config.json"))["config"]
        named = {f"{WEIGHTS}/{weight['path_name']}": name for name, weight in listed.items()}
        for record in source.infolist():
            name = named.get(record.filename)
            content = source.read(record) if name is None else _memory(weights[name])
            if len(content) != record.file_size:
                raise ValueError(f"{name}: {len(content)} bytes, and {record.file_size} in the exported graph")
            target.writestr(ZipInfo(record.filename, record.date_time), content)


def _memory(tensor: Tensor) -> bytes:
    """Return the bytes of a tensor in the order in which they are in memory."""
    return torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()).numpy().tobytes()
