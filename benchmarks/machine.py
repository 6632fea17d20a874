"""What the numbers were measured on and with."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.cases import PEER_PACKAGES
from benchmarks.race import ROOT, BenchmarkError

LIST_PACKAGES = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
)


def peer_versions(python: Path) -> dict[str, str]:
    """Return the versions of the peers.

    Raises:
        BenchmarkError: there is no such interpreter, or a peer is missing from its environment.
    """
    if not python.exists():
        raise BenchmarkError(f"{python}: no such file: `make bench` installs the peers; PEERS names their environment")
    listed = subprocess.run([str(python), "-c", LIST_PACKAGES], check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = json.loads(listed)
    missing = [package for package in PEER_PACKAGES if package not in found]
    if missing:
        raise BenchmarkError(f"{python}: {', '.join(missing)} missing: delete that environment and run `make bench`")
    return {package: found[package] for package in PEER_PACKAGES}


def machine() -> dict[str, Any]:
    """Return processor, cores, load, versions and commit."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_at_start": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": version("torch"),
        "commit": commit,
    }
