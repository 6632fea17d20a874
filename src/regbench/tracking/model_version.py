"""A version of the registered model, and a candidate for one. Imports no mlflow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from regbench.files import sha256

KEY = "regbench.key"
"""Tag of a version: the hash of its network."""
SUM = "sha256."
"""Start of the tags that hold the SHA-256 of a version's files."""
NETWORK = ("model.json", "model.safetensors")


@dataclass(frozen=True)
class Version:
    """One version of the registered model."""

    number: str
    """As MLflow counts."""
    model_id: str
    """MLflow's id of the logged model that this is."""
    tags: Mapping[str, str]

    @property
    def key(self) -> str:
        """Hash of the network: equal networks, equal keys."""
        return self.tags.get(KEY, "")

    @property
    def sums(self) -> dict[str, str]:
        """SHA-256 of each file, by name."""
        return {name.removeprefix(SUM): value for name, value in self.tags.items() if name.startswith(SUM)}


@dataclass(frozen=True)
class Offer:
    """A trained network that is to become a version."""

    files: Mapping[str, Path]
    """Name -> file; `NETWORK` are among them."""
    model_id: str
    """MLflow's id of the logged model."""
    tags: Mapping[str, str]
    """What people search by: variant, seed, commit, data."""
    description: str
    """Markdown."""

    @cached_property
    def sums(self) -> dict[str, str]:
        """SHA-256 of each file, by name."""
        return {name: sha256(path) for name, path in self.files.items()}


def network_key(sums: Mapping[str, str]) -> str:
    """Return the key of a network from the SHA-256 of its files."""
    return hashlib.sha256(" ".join(sums.get(name, "") for name in NETWORK).encode()).hexdigest()[:32]
