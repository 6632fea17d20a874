"""What a training computes on, after `auto` is resolved."""

from dataclasses import dataclass
from typing import Literal

from regbench.config.section import Precision

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Hardware:
    """A device and how it is used; part of what names a trained network, since it decides the last bits."""

    device: Device
    threads: int
    """Number of threads of a training."""
    precision: Precision
    """Precision of the matrix products in training."""
