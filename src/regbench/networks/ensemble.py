"""Several networks that predict as one model, in memory and on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

import torch
from torch import Tensor, nn

from regbench.config.ensembles import Method
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.combination import build_combination
from regbench.networks.model_files import load_saved
from regbench.networks.predictor import Predictor


@dataclass(frozen=True)
class EnsembleArchitecture:
    """What is needed to build an ensemble: it is the JSON file beside the weights."""

    method: Method
    members: tuple[Architecture, ...]
    """One or more that take the same images and have the same classes."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Rebuild what `to_json` and JSON made of it; TypeError, LookupError or ValueError for other fields."""
        if fields["ensemble"] not in get_args(Method):
            raise ValueError(f"there is no ensemble by {fields['ensemble']}")
        return cls(fields["ensemble"], tuple(Architecture.from_json(member) for member in fields["members"]))

    def to_json(self) -> dict[str, Any]:
        """Return the fields for a JSON file; its `classes` are for readers."""
        members = [member.to_json() for member in self.members]
        return {"ensemble": self.method, "classes": list(self.classes), "members": members}

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in output order."""
        return self.members[0].classes

    @property
    def channels(self) -> int:
        """1 grayscale, 3 RGB."""
        return self.members[0].channels

    @property
    def height(self) -> int:
        """Pixels."""
        return self.members[0].height

    @property
    def width(self) -> int:
        """Pixels."""
        return self.members[0].width


class Ensemble(Predictor):
    """Networks, each with the preprocessing of its own, and what combines their probabilities.

    >>> architecture = Architecture(("cat", "dog"), channels=1, height=8, width=8, hidden=(16,))
    >>> networks = [Classifier(architecture, seed=seed) for seed in (1, 2)]
    >>> bagged = Ensemble("bagging", networks, build_combination("bagging", 2, classes=2)).eval()
    >>> pixels = torch.full((3, 1, 8, 8), 255, dtype=torch.uint8)
    >>> mean = torch.stack([network.probabilities(pixels) for network in networks]).mean(0)
    >>> torch.allclose(bagged.probabilities(pixels), mean)
    True
    """

    def __init__(self, method: Method, members: list[Classifier], combination: nn.Module) -> None:
        super().__init__()
        self.method: Method = method
        self.members = nn.ModuleList(members)
        self.combination = combination

    @classmethod
    def build(cls, architecture: EnsembleArchitecture) -> Self:
        """Return an ensemble whose weights will be loaded; InputError as for `Classifier`."""
        members = [Classifier(member) for member in architecture.members]
        combination = build_combination(architecture.method, len(members), len(architecture.classes))
        return cls(architecture.method, members, combination)

    @property
    def networks(self) -> list[Classifier]:
        """The networks that it is made of."""
        return [member for member in self.members if isinstance(member, Classifier)]

    @property
    def architecture(self) -> EnsembleArchitecture:
        """What builds it."""
        return EnsembleArchitecture(self.method, tuple(network.architecture for network in self.networks))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (N, K) for raw pixels 0..255 of shape (N, C, H, W)."""
        logits: Tensor = self.combination(torch.stack([network(pixels).softmax(1) for network in self.networks]))
        return logits


def load_predictor(folder: Path) -> Predictor:
    """Rebuild a saved network or ensemble, in evaluation mode, on the CPU. No pickle is read.

    >>> from tempfile import TemporaryDirectory
    >>> from regbench.networks.model_files import save_model
    >>> network = Classifier(Architecture(("cat", "dog"), channels=1, height=8, width=8, hidden=(16,)), seed=1)
    >>> pixels = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    >>> with TemporaryDirectory() as folder:
    ...     save_model(Path(folder), network)
    ...     loaded = load_predictor(Path(folder))
    >>> loaded.classes, torch.equal(loaded.probabilities(pixels), network.probabilities(pixels))
    (('cat', 'dog'), True)

    Raises:
        IntegrityError: as `regbench.networks.model_files.load_model`.
    """
    return load_saved(folder, _describe, _build)


def _describe(fields: dict[str, Any]) -> Architecture | EnsembleArchitecture:
    return EnsembleArchitecture.from_json(fields) if "ensemble" in fields else Architecture.from_json(fields)


def _build(architecture: Architecture | EnsembleArchitecture) -> Predictor:
    if isinstance(architecture, EnsembleArchitecture):
        return Ensemble.build(architecture)
    return Classifier(architecture)
