"""The model that `mlflow.pyfunc` and `mlflow models serve` run: images in, labels and probabilities out.

A copy of this file is the only code in a logged model's folder, beside an exported graph. So it imports nothing of
regbench, and where it is loaded regbench need not be installed. Python keeps modules by name: if its answers change,
rename the file, so that one process can load models that were logged before and after the change.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow.pytorch
import numpy as np
import pandas as pd
import torch
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from numpy.typing import NDArray

SAFE = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
BATCH = 1000


class ImageClassifier:
    """A network with the labels of its outputs."""

    def __init__(self, graph: torch.nn.Module, classes: list[str], shape: tuple[int, int, int]) -> None:
        self.graph, self.classes, self.shape = graph, classes, shape

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row per image: `label`, the most probable class, and `probabilities`, class -> 0 to 1, of sum 1.

        Takes an array of one image or of a batch: (N, C, H, W), (C, H, W), and for one channel (N, H, W) or (H, W); or
        an array or DataFrame of N rows of C*H*W pixels, channel by channel, row by row. Pixels are whole numbers 0 to
        255. Anything else raises MlflowException, which a server answers with code 400.
        """
        images = torch.from_numpy(self._images(model_input))
        with torch.inference_mode():
            parts = [self.graph(part) for part in torch.split(images, BATCH)]
        probabilities = torch.cat(parts).numpy() if parts else np.zeros((0, len(self.classes)))
        labels = [self.classes[best] for best in probabilities.argmax(1)]
        named = [dict(zip(self.classes, row, strict=True)) for row in probabilities.tolist()]
        return pd.DataFrame({"label": labels, "probabilities": named})

    def _images(self, model_input: Any) -> NDArray[np.uint8]:
        """Return the images as (N, C, H, W)."""
        try:
            given = np.asarray(model_input)
        except ValueError as error:
            raise MlflowException.invalid_parameter_value(f"images: not an array: {error}") from None
        channels, height, width = self.shape
        single = given.shape in (self.shape, (height, width)[: 2 * (channels == 1)])
        batch = given[np.newaxis] if single else given
        shapes = [self.shape, (channels * height * width,), *([(height, width)] if channels == 1 else [])]
        if batch.ndim < 2 or batch.shape[1:] not in shapes:
            raise MlflowException.invalid_parameter_value(
                f"images: have the shape {given.shape}: needs one image or a batch of images of one of {shapes}"
            )
        if batch.dtype.kind not in "biuf" or not np.all((batch >= 0) & (batch <= 255) & (batch == np.round(batch))):
            raise MlflowException.invalid_parameter_value("images: pixels must be whole numbers from 0 to 255")
        return batch.astype(np.uint8).reshape(len(batch), *self.shape)


def _load_pyfunc(data_path: str) -> ImageClassifier:
    """Load a logged model from its folder's `data`; MLflow looks for a function of this name."""
    folder = str(Path(data_path).parent)
    described = Model.load(folder).metadata or {}
    with _without_pickle():
        graph = mlflow.pytorch.load_model(folder)
    channels, height, width = described["image"]
    return ImageClassifier(graph, described["classes"], (channels, height, width))


@contextmanager
def _without_pickle() -> Iterator[None]:
    """Let MLflow refuse a graph whose loading would unpickle more than tensors, unless the user allowed that."""
    allowed = os.environ.get(SAFE)
    os.environ[SAFE] = allowed or "false"
    try:
        yield
    finally:
        if allowed is None:
            del os.environ[SAFE]
