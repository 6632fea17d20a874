"""A model on disk: weights as safetensors, architecture as JSON, no pickle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from regbench.errors import InputError, IntegrityError, reason_of
from regbench.files import atomic, read_json, write_json
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.own import is_own
from regbench.networks.predictor import Description, Predictor

Built = TypeVar("Built", bound=Description)
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
    return load_saved(folder, Architecture.from_json, Classifier)


def load_saved(folder: Path, describe: Callable[[dict[str, Any]], Built], build: Callable[[Built], Model]) -> Model:
    """Build a model from the content of its `model.json` and load its weights; IntegrityError as for `load_model`."""
    path = folder / "model.safetensors"
    try:
        description = describe(read_json(folder / "model.json"))
        _refuse_other_sizes(path, description, build)
        model = build(description)
        state = load_file(path)
        model.load_state_dict(state)
    except InputError as error:
        raise IntegrityError(f"{folder / 'model.json'}: {error}") from None
    except (OSError, LookupError, ValueError, TypeError, SafetensorError, RuntimeError) as error:
        reason = reason_of(error)
        raise IntegrityError(f"{path}: cannot be loaded: {reason}: restore it by `dvc checkout`") from None
    broken = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        raise IntegrityError(f"{path}: {broken[0]} holds a number that is not finite: train again")
    return model.eval()


def _refuse_other_sizes(path: Path, description: Built, build: Callable[[Built], Model]) -> None:
    """Raise ValueError unless a file has the tensors of a model, before memory is taken for any of them."""
    with safe_open(path, "pt") as file:
        found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  (it is no dict)
    layers = sum(member.hidden_layers for member in description.members)
    if layers > len(found):
        raise ValueError(f"{layers:,} layers or more in model.json, and {len(found)} tensors")
    if any(is_own(member.network) for member in description.members):
        return  # Its code may not know of tensors without memory.
    with torch.device("meta"):
        needed = {name: tuple(value.shape) for name, value in build(description).state_dict().items()}
    for name in sorted(needed.keys() | found.keys()):
        if needed.get(name) != found.get(name):
            shapes = [str(sizes.get(name, "not there")) for sizes in (found, needed)]
            raise ValueError(f"{name} is {shapes[0]}, and by model.json {shapes[1]}")
