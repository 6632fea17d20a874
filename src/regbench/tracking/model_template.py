"""What the folders of all models of one architecture share: the exported graph, and MLflow's description of it."""

from importlib.metadata import version
from pathlib import Path

import mlflow.pytorch
import numpy as np
import torch
from mlflow import pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Map

from regbench.networks.ensemble import load_predictor
from regbench.networks.served import Probabilities
from regbench.tracking import image_classifier
from regbench.tracking.run_record import Network

ANSWER = ModelSignature(
    # No inputs: MLflow would refuse all but one of the forms that the classifier takes.
    outputs=Schema([ColSpec(DataType.string, "label"), ColSpec(Map(DataType.double), "probabilities")])
)


def write_template(folder: Path, network: Network) -> None:
    """Let MLflow save a network in an empty folder; then make our loader the one that serves it."""
    # More threads gain nothing here, and spin while another process has their core.
    torch.set_num_threads(1)
    trained = load_predictor(network.folder)
    shape = network.example.shape[1:]
    # Unnamed: MLflow would pass named tensors as a dictionary, which its PyTorch models refuse.
    inputs = TensorSpec(np.dtype(np.uint8), (-1, *shape))
    mlflow.pytorch.save_model(
        # Exported in training mode, dropout would stay in the graph.
        Probabilities(trained).eval(),
        str(folder),
        serialization_format="pt2",
        signature=ModelSignature(Schema([inputs])),
        # Two images: with one, the exported graph would take single images only.
        input_example=network.example,
        # Given, since MLflow would spend ten seconds to find them out.
        pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in ("mlflow", "numpy", "torch")],
        code_paths=[str(image_classifier.__file__)],
    )
    description = Model.load(str(folder))
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
    description.metadata = {"classes": list(trained.classes), "image": list(shape)}
    description.save(str(folder / "MLmodel"))
