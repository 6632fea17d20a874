"""Describe the processor, library versions and memory use of a computation."""

import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("numpy", "torch")
"""What a training's numbers depend on."""


def processor(information: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's model; where Linux does not name it, what Python knows of it, such as `arm64`."""
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def software() -> str:
    """Return versions as `python 3.11.7, numpy 2.4.0, torch 2.14.1`."""
    return ", ".join([f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in LIBRARIES)])


def peak_megabytes() -> float:
    """Return the most memory that this process has held so far, in 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): kilobytes on Linux, bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
