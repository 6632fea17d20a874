"""MLflow's folder of a model: an exported graph without pickle, and a small wrapper that returns labels."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.pytorch
import numpy as np
import torch
from mlflow import pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Map
from numpy.typing import NDArray
from torch.export import ExportedProgram

from regbench.networks.ensemble import load_predictor
from regbench.networks.predictor import Description
from regbench.networks.served import Probabilities
from regbench.tracking import image_classifier
from regbench.tracking.run_record import Network

DESCRIPTION, GRAPH = OWN = "MLmodel", "data/model.pt2"
"""Files of the folder that differ from model to model."""
ANSWER = ModelSignature(
    # No inputs: MLflow would refuse all but one of the forms that the classifier takes.
    outputs=Schema([ColSpec(DataType.string, "label"), ColSpec(Map(DataType.double), "probabilities")])
)


@dataclass(frozen=True)
class Template:
    """What the folders of all models of one architecture share."""

    program: ExportedProgram
    """The graph; its weights are replaced before it is saved."""
    description: Model
    files: dict[str, bytes]
    """Path in the folder -> content, of all other files."""


class ModelFolders:
    """Writes the folders of models.

    To trace a graph, and to let MLflow describe it, takes five times as long as to save it: so this is done once an
    architecture. Models of one architecture differ in their weights only, since dropout is no part of the graph.
    """

    def __init__(self) -> None:
        self._templates: dict[Description, Template] = {}

    def write(self, path: Path, network: Network, run_id: str, model_id: str, artifact_path: str) -> None:
        """Write the folder of a saved network; the last three are fields of MLflow's `Model`."""
        trained = load_predictor(network.folder)
        servable = Probabilities(trained).eval()
        if trained.architecture not in self._templates:
            made = make_template(servable, trained.architecture, network.example)
            self._templates[trained.architecture] = made
        template = self._templates[trained.architecture]
        for place, content in template.files.items():
            (path / place).parent.mkdir(parents=True, exist_ok=True)
            (path / place).write_bytes(content)
        weights = servable.state_dict()
        with torch.no_grad():
            for name, tensor in template.program.state_dict.items():
                tensor.copy_(weights[name])
        (path / GRAPH).parent.mkdir(exist_ok=True)
        torch.export.save(template.program, path / GRAPH)
        shared = template.description
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


def make_template(servable: Probabilities, architecture: Description, example: NDArray[np.uint8]) -> Template:
    """Let MLflow save a model, and return what it wrote, with our loader as the one that serves it."""
    # Unnamed: MLflow would pass named tensors as a dictionary, which its PyTorch models refuse.
    inputs = TensorSpec(np.dtype(np.uint8), (-1, *example.shape[1:]))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        mlflow.pytorch.save_model(
            # Exported in training mode, dropout would stay in the graph.
            servable.eval(),
            str(path),
            serialization_format="pt2",
            signature=ModelSignature(Schema([inputs])),
            # Two images: with one, the exported graph would take single images only.
            input_example=example,
            # Given, since MLflow would spend ten seconds to find them out.
            pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in ("mlflow", "numpy", "torch")],
            code_paths=[str(image_classifier.__file__)],
        )
        description = Model.load(str(path))
        # Loaded, its weights are its own, and no longer those of the model that it was traced from.
        program = torch.export.load(path / GRAPH)
        written = [file for file in path.rglob("*") if file.is_file()]
        files = {str(file.relative_to(path)): file.read_bytes() for file in written}
    environment = description.flavors.pop("python_function")["env"]
    pyfunc.add_to_model(
        description,
        Path(image_classifier.__file__).stem,
        "data",
        "code",
        environment["conda"],
        environment["virtualenv"],
    )
    description.signature = ANSWER
    description.metadata = {"classes": list(architecture.classes), "image": list(example.shape[1:])}
    return Template(program, description, {place: held for place, held in files.items() if place not in OWN})
