"""MLflow's folder of a model: an exported graph without pickle, and a small wrapper that returns labels."""

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from mlflow.models import Model
from safetensors import SafetensorError, deserialize

from regbench.engine.store import Store
from regbench.errors import IntegrityError, reason_of
from regbench.files import digest, read_json
from regbench.runtime.code_identity import identity_of
from regbench.tracking.run_record import Network

TEMPLATES = "templates"
"""Kind of the store's entries."""
CODE = "regbench.tracking.model_template"
"""The module whose code, with all that it imports, decides what a template holds."""
DESCRIPTION, GRAPH = "MLmodel", "data/model.pt2"
"""Files of the folder that differ from model to model."""
WEIGHTS = "model/data/weights"
"""Folder of the weights in the archive of a graph.

https://docs.pytorch.org/docs/stable/user_guide/torch_compiler/export/pt2_archive.html
"""


class ModelFolders:
    """Writes the folders of models.

    It takes seconds to trace a graph and to let MLflow describe it. So this is done once per architecture, and the
    store keeps the result as a template. Models of one architecture differ only in their weights: dropout is not part
    of the graph. Where the template is there, torch is not imported.
    """

    def __init__(self, results_store: Path) -> None:
        """Keep templates in the project's store, which is at `results_store`."""
        self.store, self._described = Store(results_store), lru_cache(Model.load)

    def write(self, path: Path, network: Network, run_id: str, model_id: str, artifact_path: str) -> None:
        """Write the folder of a saved network; the last three are fields of MLflow's `Model`.

        Raises:
            IntegrityError: the network cannot be read, or its template is damaged.
        """
        weights, template = read_weights(network.folder), self.template(network)
        shutil.copytree(template, path, ignore=shutil.ignore_patterns(DESCRIPTION, Path(GRAPH).name))
        try:
            replace_weights(template / GRAPH, weights, path / GRAPH)
            shared = self._described(str(template))
        except OSError:
            raise
        except Exception as error:  # whatever libraries raise for damaged files
            raise IntegrityError(
                f"{template}: is damaged, or {network.folder} is: {reason_of(error)}: "
                "delete the first, restore the second by `dvc checkout`"
            ) from None
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

    def template(self, network: Network) -> Path:
        """Return the folder that all models of a network's architecture share; it is made where there is none."""
        name = digest(
            {
                "architecture": read_json(network.folder / "model.json"),
                "example": hashlib.sha256(network.example.tobytes()).hexdigest(),
                "code": identity_of(CODE),
                "versions": [platform.python_version(), *map(version, ("mlflow", "numpy", "torch"))],
            }
        )
        if self.store.find(TEMPLATES, name) is None:
            from regbench.tracking.model_template import write_template  # imports torch and what traces graphs

            with self.store.write(TEMPLATES, name) as folder:
                write_template(folder, network)
        return self.store.place(TEMPLATES, name)


def read_weights(folder: Path) -> dict[str, bytes]:
    """Return the numbers of a saved network, row by row, by their names in the exported graph.

    Raises:
        IntegrityError: the file is broken.
    """
    file = folder / "model.safetensors"
    try:
        tensors = deserialize(file.read_bytes())  # type: ignore[no-untyped-call]
        # In the graph, the network is an attribute of `Probabilities`.
        return {f"network.{name}": tensor["data"] for name, tensor in tensors}
    except SafetensorError as error:
        raise IntegrityError(f"{file}: cannot be read: {reason_of(error)}: restore it by `dvc checkout`") from None


def replace_weights(graph: Path, weights: Mapping[str, bytes], out: Path) -> None:
    """Write a copy of an exported graph with other weights of the same names and sizes.

    `torch.export.save` would write the whole graph again, for each model, which takes ten times as long.

    Raises:
        ValueError: a weight has another size.
    """
    with ZipFile(graph) as source, ZipFile(out, "w") as target:
        listed = json.loads(source.read(f"{WEIGHTS}/model_weights_config.json"))["config"]
        named = {f"{WEIGHTS}/{weight['path_name']}": name for name, weight in listed.items()}
        for record in source.infolist():
            name = named.get(record.filename)
            if name is None:
                content = source.read(record)
            elif len(weights[name]) == record.file_size:
                content = _as_in_memory(weights[name], listed[name]["tensor_meta"])
            else:
                raise ValueError(f"{name}: {len(weights[name])} bytes, and {record.file_size} in the exported graph")
            target.writestr(ZipInfo(record.filename, record.date_time), content)


def _as_in_memory(numbers: bytes, tensor: Mapping[str, Any]) -> bytes:
    """Return numbers, given row by row, in the order that a tensor has them in memory: channels may come last."""
    sizes, strides = ([length["as_int"] for length in tensor[field]] for field in ("sizes", "strides"))
    order = sorted(range(len(sizes)), key=lambda axis: -strides[axis])
    if order == list(range(len(sizes))) or not numbers:
        return numbers
    cells = np.frombuffer(numbers, dtype=np.uint8).reshape(*sizes, -1)
    return cells.transpose(*order, len(sizes)).tobytes()
