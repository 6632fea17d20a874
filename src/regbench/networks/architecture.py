"""Everything that is needed to build a network."""

from dataclasses import asdict, dataclass
from typing import Any, Self

LATER: dict[str, Any] = {"network": "mlp", "code": "", "filters": (32, 64), "convolutions": 1}
"""Fields that `model.json` leaves out at these values, so that the files of earlier networks are the same as ever."""


@dataclass(frozen=True)
class Architecture:
    """What is needed to build the network: it is the JSON file beside the weights.

    >>> digits = Architecture(classes=("0", "1"), channels=1, height=28, width=28, hidden=(500,))
    >>> digits.inputs, digits.image
    (784, '1x28x28')
    >>> Architecture.from_json(digits.to_json()) == digits
    True
    """

    classes: tuple[str, ...]
    """Labels in output order."""
    channels: int
    height: int
    width: int
    hidden: tuple[int, ...] = ()
    """Width of each hidden layer of `mlp`, units; other networks have none to set."""
    batch_norm: bool = False
    whitening: bool = False
    network: str = LATER["network"]
    """What `model.network` names."""
    code: str = LATER["code"]
    """Identity of the code of a network of the user's own; empty for those that regbench builds."""
    filters: tuple[int, ...] = LATER["filters"]
    """Filters in each block of `cnn`; other networks have none to set."""
    convolutions: int = LATER["convolutions"]
    """Convolutions in each block of `cnn`."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Rebuild what `to_json` and JSON made of an architecture; TypeError for other fields."""
        listed = {**LATER, **fields}
        return cls(**{**listed, **{name: tuple(listed[name]) for name in ("classes", "hidden", "filters")}})

    def to_json(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""
        return {name: value for name, value in asdict(self).items() if LATER.get(name) != value}

    @property
    def members(self) -> "tuple[Architecture, ...]":
        """Itself: it describes a single network."""
        return (self,)

    @property
    def hidden_layers(self) -> int:
        """How many the network has, at least."""
        known = {"mlp": len(self.hidden), "cnn": len(self.filters) * self.convolutions}
        return max(1, known.get(self.network, 1))

    @property
    def inputs(self) -> int:
        """Numbers that describe an image."""
        return self.channels * self.height * self.width

    @property
    def image(self) -> str:
        """The shape of an image, for messages."""
        return f"{self.channels}x{self.height}x{self.width}"
