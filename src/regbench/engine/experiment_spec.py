"""The spec of a variant, from `params.yaml`; editing this code, or what it imports, trains nothing."""

from importlib.metadata import version

from regbench.config.experiment import Experiment
from regbench.engine.spec import TrainingSpec
from regbench.runtime.code_identity import identity_of
from regbench.runtime.hardware import Hardware

CODE = "regbench.engine.training_run"
"""The module whose code, with all that it imports, decides what a training gives."""
LIBRARIES = ("numpy", "torch")
"""What a training's numbers depend on."""


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
