"""Starting weights from a file: a state dict, read without pickle."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from regbench.errors import InputError, reason_of
from regbench.files import sha256
from regbench.networks.classifier import Classifier

COUNTER = "num_batches_tracked"
"""Of batch normalization, which older files do not have, and which nothing reads."""


def load_weights(network: Classifier, path: Path, digest: str) -> None:
    """Put the tensors of a `.safetensors`, or of a `.pth`, with this SHA-256 into a network's layers.

    Tensors of the output layer are left out where they do not fit, since other images have other classes; all others
    must have the network's names and shapes. A regbench `model.safetensors` may be given: its layers are taken.

    Raises:
        InputError: the file is missing or broken, another one by now, holds more than tensors, or is not of this
            network.
    """
    state, own = _layers_of(_read(path)), network.layers.state_dict()
    head = {f"{_path(network.layers, network.output)}.{name}" for name in ("weight", "bias")}
    fitting = {name: value for name, value in state.items() if name not in head or _shape(own, name) == value.shape}
    cure = "give weights of this network"
    for name in sorted((own.keys() - head) | fitting.keys()):
        found, needed = _shape(fitting, name), _shape(own, name)
        absent = name.endswith(COUNTER) and None in (found, needed)
        if found != needed and not absent:
            raise InputError(f"weights = '{path}': {name} is {_shown(found)}, must be {_shown(needed)}: {cure}")
    if sha256(path) != digest:
        raise InputError(f"weights = '{path}': was changed meanwhile: start again")
    network.layers.load_state_dict(fitting, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"weights = '{path}': no such file: put it there, or remove model.weights") from None
    except Exception as error:  # Of a damaged file PyTorch raises whatever its unpickler of tensors stumbles over.
        reason = reason_of(error)
        raise InputError(f"weights = '{path}': cannot be read without pickle: {reason}: save a state dict") from None
    if not (isinstance(found, dict) and all(isinstance(value, Tensor) for value in found.values())):
        raise InputError(f"weights = '{path}': holds more than tensors by name: save a state dict")
    return found


def _layers_of(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the layers' tensors of a classifier that regbench saved; other state dicts as they are."""
    others = {name: value for name, value in state.items() if name not in ("mean", "matrix")}
    if len(others) == len(state) - 2 and all(name.startswith("layers.") for name in others):
        return {name.removeprefix("layers."): value for name, value in others.items()}
    return state


def _path(network: nn.Module, wanted: nn.Module | None) -> str:
    return next((path for path, layer in network.named_modules() if layer is wanted), "")


def _shape(state: dict[str, Tensor], name: str) -> torch.Size | None:
    return state[name].shape if name in state else None


def _shown(shape: torch.Size | None) -> str:
    return "not there" if shape is None else "x".join(map(str, shape)) or "a number"
