"""Define what determines the bits of an ensemble: its networks' specs and seeds, and how they are combined."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from regbench.config.ensembles import Method
from regbench.engine.spec import TrainingSpec
from regbench.files import digest
from regbench.runtime.hardware import Hardware
from regbench.runtime.randomness import generator


@dataclass(frozen=True)
class EnsembleSpec:
    """All that decides the bits of an ensemble but its seed: equal specs, equal ensembles; names are no part of it."""

    method: Method
    members: tuple[TrainingSpec, ...]
    """Of each network; boosting may end before the last."""
    hardware: Hardware
    data: str
    """Digest of train and validation images, labels and classes."""
    code: str
    """Identity of the code that combines the networks."""
    versions: str
    """Of the libraries that compute."""

    @cached_property
    def content(self) -> dict[str, Any]:
        """The spec as plain values, for JSON."""
        fields = {name: getattr(self, name) for name in ("method", "data", "code", "versions")}
        return fields | {"members": [member.digest for member in self.members], "hardware": asdict(self.hardware)}

    @cached_property
    def digest(self) -> str:
        """Name of the spec in the store."""
        return digest(self.content)

    def run(self, seed: int) -> str:
        """Return the name of an ensemble in the store, beside single runs."""
        return f"{self.digest}/seed-{seed}"

    def runs(self, seed: int) -> list[tuple[TrainingSpec, int]]:
        """Return spec and seed of each network of a seed's ensemble.

        Networks of bagging have different seeds, so that their initial weights and batches differ too.
        """
        keys = [_member_seed(seed, number) if member.bootstrap else seed for number, member in enumerate(self.members)]
        return list(zip(self.members, keys, strict=True))


def _member_seed(seed: int, number: int) -> int:
    return int(generator(seed, "member", number).integers(2**31))
