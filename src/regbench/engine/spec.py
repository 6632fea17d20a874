"""Define everything that determines the bits of a training; a worker gets nothing else."""

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from regbench.config.network import Model
from regbench.config.strengths import Strengths
from regbench.config.training import Train
from regbench.files import digest
from regbench.runtime.hardware import Hardware


@dataclass(frozen=True)
class TrainingSpec:
    """Everything that determines the bits of one training, except its seed: equal specs give equal networks.

    Names of variants are not part of it: renaming a variant does not train it again.

    >>> trained = TrainingSpec(
    ...     model=Model(hidden=(16,)), train=Train(epochs=2), strengths=Strengths(l2=1e-4),
    ...     hardware=Hardware("cpu", threads=1, precision="float32"),
    ...     data="d1", augmentation="a1", code="c1", versions="torch 2.14.1",
    ... )
    >>> replace(trained, strengths=Strengths(l2=1e-4)).digest == trained.digest
    True
    >>> replace(trained, strengths=Strengths(l2=1e-3)).digest == trained.digest
    False
    """

    model: Model
    train: Train
    strengths: Strengths
    hardware: Hardware
    data: str
    """Digest of train and validation images, labels and classes."""
    augmentation: str
    """Digest of the augmentation of the images."""
    code: str
    """Identity of the code that trains."""
    versions: str
    """Of the libraries that compute, such as `numpy 2.4.0, torch 2.14.1`."""
    own_code: str = ""
    """Identity of the code of a custom network, else empty."""
    weights: str = ""
    """SHA-256 of the file of starting weights; empty where there is none."""
    bootstrap: bool = False
    """Whether it learns from a bootstrap sample of the train split, which its seed keys."""
    boosting: int = 0
    """Number of its round, from 1, where it is a part of boosting: it is trained after the rounds before it, under the
    same seed, with the weights that they gave the images; 0: no part."""

    @cached_property
    def content(self) -> dict[str, Any]:
        """The spec as plain values, for JSON."""
        sections = {name: getattr(self, name).model_dump(mode="json") for name in ("model", "train", "strengths")}
        names = ("data", "augmentation", "code", "versions", "own_code", "weights", "bootstrap", "boosting")
        return sections | {"hardware": asdict(self.hardware)} | {name: getattr(self, name) for name in names}

    @cached_property
    def digest(self) -> str:
        """Name of the spec in the store."""
        return digest(self.content)

    def run(self, seed: int) -> str:
        """Return the name of a run in the store."""
        return f"{self.digest}/seed-{seed}"

    @property
    def rounds(self) -> "tuple[TrainingSpec, ...]":
        """The rounds of boosting up to this one, which is the last; itself alone where it is no part of boosting."""
        return (*(replace(self, boosting=number) for number in range(1, self.boosting)), self)

    @property
    def epochs(self) -> int:
        """Epochs that a training takes at most, with those of the rounds before it."""
        return self.train.epochs * max(1, self.boosting)

    @property
    def cost(self) -> float:
        """Estimate of the time a training takes, relative to others on the same data."""
        return self.epochs * self.model.work
