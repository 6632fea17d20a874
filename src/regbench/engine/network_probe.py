"""Check that a variant's network can be built, accepts the images, and has what its settings need."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from regbench.config.network import Model
from regbench.config.params import Params
from regbench.config.variants import SearchableVariant
from regbench.engine.experiment_spec import weights_digest
from regbench.errors import InputError, IntegrityError, reason_of
from regbench.networks.architecture import Architecture
from regbench.networks.building import STRUCTURAL, explain_untaken, find_function, structural_strengths
from regbench.networks.classifier import Classifier
from regbench.networks.own import own_code
from regbench.networks.weights import load_weights
from regbench.runtime.randomness import generator

CLASSES = ("0", "1")
"""Stand in for the labels where `data.classes` leaves them to the images."""


def network_problems(params: Params, variants: Iterable[str]) -> list[str]:
    """Build each variant's network and run it; return the problems, one line each with its dotted key."""
    problems = []
    for name in variants:
        variant, model = params.variants[name], params.network(name)
        try:
            problems += [f"variants.{name}.{problem}" for problem in _problems(params, variant, model)]
        except IntegrityError as error:  # names a file
            problems.append(str(error))
        except InputError as error:
            problems.append(f"{f'variants.{name}.model' if variant.model else 'model'}.{error}")
    return list(dict.fromkeys(problems))


def _problems(params: Params, variant: SearchableVariant, model: Model) -> Iterator[str]:
    """Yield what is wrong between a variant and its network; InputError where there is no such network."""
    code = own_code(model.network)
    taken = structural_strengths(find_function(model.network, code))
    for strength in STRUCTURAL:
        if (value := getattr(variant, strength)) and strength not in taken:
            shown = strength if strength in variant.ranges else f"{strength} = {value}"
            yield explain_untaken(shown, strength, model.network)
    height, width = params.data.image_size
    architecture = Architecture(
        classes=params.data.classes or CLASSES,
        channels=params.data.channels,
        height=height,
        width=width,
        batch_norm=bool(variant.batch_norm) and "batch_norm" in taken,
        network=model.network,
        code=code,
        **model.sizes,
    )
    network = Classifier(architecture, 0.5 if variant.dropout and "dropout" in taken else 0.0, seed=0)
    if model.weights:
        load_weights(network, Path(model.weights), weights_digest(model.weights))
    _probe(network)
    if network.output is None and model.frozen:
        yield f"model.frozen = True: {model.network} has no linear output layer to train: remove it"
    calibration = {**params.train.model_dump(), **variant.train}["calibration"]
    if calibration == "temperature" and not _is_scaled_by_output(network):
        yield f"train.calibration = 'temperature': {model.network} has no linear output layer to scale: remove it"


def _probe(network: Classifier) -> None:
    """Let a network learn from two images and answer them; InputError if it does not give logits, or has idle parts."""
    takes = network.architecture
    name, images = f"network = {takes.network!r}", _images(takes)
    network.key_dropout(generator(0, "dropout"))
    try:
        logits = [network.train(mode).logits(images) for mode in (True, False)]
    except Exception as error:
        reason = reason_of(error)
        raise InputError(f"{name}: does not take images of {takes.image}: {reason}: change one of them") from error
    for found in logits:
        if not isinstance(found, torch.Tensor) or found.shape != (2, len(takes.classes)):
            shown = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise InputError(f"{name}: gives {shown} for 2 images and {len(takes.classes)} classes: must give logits")
    logits[0].square().sum().backward()  # type: ignore[no-untyped-call]
    named = dict(network.named_parameters(remove_duplicate=False))
    if len(named) > len(set(named.values())):
        raise InputError(f"{name}: has one tensor under two names, which no file holds: give each layer its own")
    if idle := [key for key, value in named.items() if value.requires_grad and value.grad is None]:
        raise InputError(f"{name}: {idle[0]} takes no part in the logits: use it in forward, or remove it")


@torch.no_grad()
def _is_scaled_by_output(network: Classifier) -> bool:
    """Return whether dividing the output layer divides the logits."""
    if network.output is None:
        return False
    images = _images(network.architecture)
    before = network.eval().logits(images)
    return torch.allclose(network.divide_logits(2).logits(images), before / 2, rtol=1e-3, atol=1e-5)


def _images(takes: Architecture) -> torch.Tensor:
    return torch.rand(2, takes.channels, takes.height, takes.width, generator=torch.Generator().manual_seed(0))
