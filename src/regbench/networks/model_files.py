"""A model on disk: weights as safetensors, what builds it as JSON; no pickle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from regbench.errors import InputError, IntegrityError
from regbench.files import atomic, read_json, write_json
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.predictor import Predictor

Model = TypeVar("Model", bound=Predictor)


def save_model(folder: Path, model: Predictor) -> None:
    """Write `model.safetensors` and `model.json` into `folder`; equal models give equal bytes."""
    with atomic(folder / "model.safetensors") as path:
        path.write_bytes(save({name: value.contiguous() for name, value in model.state_dict().items()}))
    write_json(folder / "model.json", model.architecture.to_json())


def load_model(folder: Path) -> Classifier:
    """Rebuild a saved network, in evaluation mode, on the CPU. No pickle is read.

    Raises:
        IntegrityError: a file is missing or broken, does not fit the architecture, or holds a number that is not
            finite; or the network is the user's own, and its code is missing or another one.
    """
    return load_saved(folder, build_network)


def build_network(fields: dict[str, Any]) -> Classifier:
    """Return the network that the content of `model.json` describes; its weights will be loaded."""
    return Classifier(Architecture.from_json(fields))


def load_saved(folder: Path, build: Callable[[dict[str, Any]], Model]) -> Model:
    """Build a model from its `model.json` and load its weights; IntegrityError as for `load_model`."""
    path = folder / "model.safetensors"
    try:
        fields = read_json(folder / "model.json")
        model = build(fields)
        state = load_file(path)
        model.load_state_dict(state)
    except InputError as error:
        raise IntegrityError(f"{folder / 'model.json'}: {error}") from None
    except (OSError, LookupError, ValueError, TypeError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise IntegrityError(f"{path}: cannot be loaded: {reason}: restore it by `dvc checkout`") from None
    broken = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise IntegrityError(f"{path}: {broken[0]} holds a number that is not finite: train again")
    return model.eval()
