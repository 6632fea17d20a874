"""What decides the bits of a training: settled once, then all that a worker is told."""

from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

from regbench.config.experiment import Experiment
from regbench.config.network import Model
from regbench.config.strengths import Strengths
from regbench.config.training import Train
from regbench.files import digest
from regbench.runtime.code_identity import identity_of
from regbench.runtime.hardware import Hardware

CODE = "regbench.engine.training_run"
"""The module whose code, with all that it imports, decides what a training gives."""
LIBRARIES = ("numpy", "torch")
"""What a training's numbers depend on."""


@dataclass(frozen=True)
class TrainingSpec:
    """All that decides the bits of one training but its seed: equal specs, equal networks.

    Names of variants are no part of it: a renamed variant trains nothing.
    """

    model: Model
    train: Train
    strengths: Strengths
    hardware: Hardware
    data: str
    """Digest of train and validation images, labels and classes."""
    augmentation: str
    """Digest of what was done to the images."""
    code: str
    """Identity of the code that trains."""
    versions: str
    """Of the libraries that compute, such as `numpy 2.4.0, torch 2.14.1`."""

    @cached_property
    def content(self) -> dict[str, Any]:
        """The spec as plain values, for JSON."""
        sections = {name: getattr(self, name).model_dump(mode="json") for name in ("model", "train", "strengths")}
        names = ("data", "augmentation", "code", "versions")
        return sections | {"hardware": asdict(self.hardware)} | {name: getattr(self, name) for name in names}

    @cached_property
    def digest(self) -> str:
        """Name of the spec in the store."""
        return digest(self.content)

    def run(self, seed: int) -> str:
        """Return the name of a run in the store."""
        return f"{self.digest}/seed-{seed}"

    @property
    def cost(self) -> float:
        """Estimate of the time a training takes, relative to others on the same data."""
        return self.train.epochs * sum(width**2 for width in self.model.hidden)


def training_spec(
    experiment: Experiment, variant: str, hardware: Hardware, data: str, augmentation: str
) -> TrainingSpec:
    """Return the spec of a variant without ranges.

    Raises:
        InputError: the variant has ranges left.
    """
    return TrainingSpec(
        model=experiment.model,
        train=experiment.training(variant),
        strengths=experiment.strengths(variant).strengths,
        hardware=hardware,
        data=data,
        augmentation=augmentation,
        code=identity_of(CODE),
        versions=", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    )
