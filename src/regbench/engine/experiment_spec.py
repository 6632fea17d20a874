"""Derives a variant's spec from `params.yaml`. Changes of this code retrain nothing."""

from importlib.metadata import version
from pathlib import Path

from regbench.config.experiment import Experiment
from regbench.config.network import MLP, Model
from regbench.engine.spec import TrainingSpec
from regbench.errors import InputError
from regbench.files import sha256
from regbench.networks.own import own_code
from regbench.runtime.code_identity import identity_of
from regbench.runtime.hardware import Hardware

CODE = "regbench.engine.training_run"
"""The module whose code, with all its imports, determines the result of a training."""
LIBRARIES = ("numpy", "torch")
"""What a training's numbers depend on."""


def training_spec(
    experiment: Experiment, variant: str, hardware: Hardware, data: str, augmentation: str
) -> TrainingSpec:
    """Return the spec of a variant without ranges.

    Raises:
        InputError: the variant has ranges left, or its custom network or starting weights do not exist.
    """
    model = experiment.network(variant)
    return TrainingSpec(
        # Widths of hidden layers are the perceptron's: changing them trains no other network again.
        model=model if model.network == MLP else model.model_copy(update={"hidden": ()}),
        train=experiment.training(variant),
        strengths=experiment.strengths(variant).strengths,
        hardware=hardware,
        data=data,
        augmentation=augmentation,
        code=identity_of(CODE),
        versions=", ".join(f"{name} {version(name)}" for name in libraries(model)),
        own_code=own_code(model.network),
        weights=weights_digest(model.weights),
    )


def network_files(experiment: Experiment) -> dict[str, str]:
    """Return the identity of each network of the user's own, and of each file of starting weights, by its name.

    Raises:
        InputError: one of them is not there.
    """
    models = [experiment.network(variant) for variant in experiment.variants]
    found = {model.network: own_code(model.network) for model in models}
    found |= {model.weights: weights_digest(model.weights) for model in models}
    return {name: identity for name, identity in found.items() if identity}


def libraries(model: Model) -> tuple[str, ...]:
    """Return the libraries that a network's training depends on."""
    return (*LIBRARIES, "torchvision") if model.network.startswith("torchvision:") else LIBRARIES


def weights_digest(weights: str) -> str:
    """Return the SHA-256 of a file of starting weights; empty where none is named.

    Raises:
        InputError: there is no such file.
    """
    try:
        return sha256(Path(weights)) if weights else ""
    except OSError:
        raise InputError(f"weights = {weights!r}: no such file: put it there, or remove model.weights") from None
