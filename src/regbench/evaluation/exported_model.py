"""Exports a model for other programs: ONNX and PyTorch's exported graph, without pickle or regbench's code."""

import logging
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import Dim, ExportedProgram

from regbench.errors import InputError, IntegrityError
from regbench.files import atomic, write_json
from regbench.networks.predictor import Predictor
from regbench.networks.served import Probabilities
from regbench.runtime.randomness import generator

GRAPH, ONNX, DESCRIPTION = "model.pt2", "model.onnx", "interface.json"
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
INPUT, OUTPUT = "images", "probabilities"
"""Names in the ONNX graph."""
CHECKED = 64
"""Made-up images on which an export is compared with the model."""
TOLERANCE = 1e-5
"""Largest difference of a probability: other orders of summation round otherwise."""
Answer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def write_exported(model: Predictor, out: Path) -> float:
    """Write `model.onnx`, `model.pt2` and `interface.json` to `out`; return the largest difference that was found.

    Both take raw pixels, uint8 (N, C, H, W), N any number from 1 on, and give class probabilities (N, K), float32. Each
    is loaded again and compared with the model on made-up images before it is left in `out`.

    Raises:
        InputError: the packages for ONNX are not installed.
        IntegrityError: an exported graph gives other probabilities than the model.
    """
    if lacking := [name for name in PACKAGES if find_spec(name) is None]:
        raise InputError(f"{', '.join(lacking)}: not installed: pip install 'regbench[onnx]'")
    takes = model.architecture
    shape = takes.channels, takes.height, takes.width
    images = generator(0, "preview").integers(0, 256, (CHECKED, *shape), dtype=np.uint8)
    servable, expected = Probabilities(model.cpu()).eval(), model.probabilities(torch.from_numpy(images)).numpy()
    # Two images: with one, the graph would take single images only.
    program = torch.export.export(servable, (torch.from_numpy(images[:2]),), dynamic_shapes={INPUT: {0: Dim(INPUT)}})
    with atomic(out / GRAPH) as path:
        torch.export.save(program, path)
        worst = _compare(out / GRAPH, _graph_answer(path), images, expected)
    with atomic(out / ONNX) as path:
        _save_onnx(program, path)
        worst = max(worst, _compare(out / ONNX, _onnx_answer(path), images, expected))
    onnx = {"input": INPUT, "output": OUTPUT}
    write_json(out / DESCRIPTION, {"classes": list(takes.classes), "image": list(shape), "pixels": "uint8", **onnx})
    return worst


def _save_onnx(program: ExportedProgram, path: Path) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter's own dependencies
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        found = torch.onnx.export(
            program, input_names=[INPUT], output_names=[OUTPUT], dynamo=True, verbose=False, external_data=False
        )
    assert found is not None
    found.save(path, external_data=False)


def _graph_answer(path: Path) -> Answer:
    graph = torch.export.load(path).module()

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: Tensor = graph(torch.from_numpy(images))
        return found.numpy()

    return answer


def _onnx_answer(path: Path) -> Answer:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def answer(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([OUTPUT], {INPUT: images})[0]
        return found

    return answer


def _compare(path: Path, answer: Answer, images: NDArray[np.uint8], expected: NDArray[np.float32]) -> float:
    """Return the largest difference of a probability, of all images at once and of one alone."""
    worst = max(float(np.abs(answer(images[:count]) - expected[:count]).max()) for count in (len(images), 1))
    if not worst <= TOLERANCE:
        raise IntegrityError(
            f"{path}: its probabilities differ by {worst:.2g} from the network's: at most {TOLERANCE:g} is rounding: "
            "not written"
        )
    return worst
