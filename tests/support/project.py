"""A small copy of the project in a folder of its own, to run the real pipeline in with the real DVC."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from support.raw_images import write_canonical

ROOT = Path(__file__).parents[2]
MAKE = ("make", f"VENV={sys.prefix}", "--assume-old=install")
"""Runs a target with this interpreter's environment, and never points that to a copy of the project."""
REGBENCH = (sys.executable, "-m", "regbench")
"""The command `regbench`; its code is that of PYTHONPATH."""

SMALL: dict[str, Any] = {
    "data.raw": "raw.zip",
    "data.image_size": [8, 8],
    "recipes": {"plain": {}, "affine": {"rotate": 10.0, "shift": 1.0}, "zca": {"zca": 0.1}},
    "augment.copies": 2,
    "model.hidden": [8, 6],
    "train.epochs": 2,
    "train.batch_size": 16,
    "seeds": [128, 129],
    "variants": {
        "baseline": {"recipe": "plain"},
        "l2": {"recipe": "plain", "l2": 1e-4},
        "zca_affine": {"recipe": "affine", "dropout": 0.25},
    },
}


def environment(project: Path) -> dict[str, str]:
    """Return this process's variables for a child that uses the code of `project`.

    They are without what `make test` or a user's MLflow would pass on, and without a shell of the user's choice, as
    under cron: DVC then takes `sh`.
    """
    left_out = ("MAKE", "MFLAGS", "MLFLOW", "PYTEST", "SHELL")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PYTHONPATH": str(project / "src")}


class Project:
    """A working copy with small parameters and made-up images, under git and DVC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = ""
        """What its first `dvc repro` printed, where a fixture noted it."""

    @classmethod
    def create(cls, folder: Path, images: int = 120) -> "Project":
        """Copy what git would track, shrink the parameters, and write raw images."""
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for name in listed:
            if (ROOT / name).is_file() and not name.startswith(("tests/", "dvc.lock")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        write_canonical(folder / "raw.zip", images=images, classes=("a", "b", "c"))
        project = cls(folder)
        project.set(**SMALL)
        (folder / ".gitignore").open("a").write("\n/raw.zip\n")
        # An identity of its own: a new machine has none, and `dvc exp run` commits.
        identity = (["config", "user.name", "t"], ["config", "user.email", "t@localhost"])
        for command in (["init", "-q"], *identity, ["add", "-A"], ["commit", "-qm", "copy"]):
            subprocess.run(["git", *command], cwd=folder, check=True)
        return project

    def set(self, **dotted: Any) -> None:
        """Set keys of params.yaml, given with dots."""
        yaml = YAML()
        path = self.folder / "params.yaml"
        content = yaml.load(path.read_text())
        for key, value in dotted.items():
            *parents, last = key.split(".")
            place = content
            for part in parents:
                place = place[part]
            if value is None:
                del place[last]
            else:
                place[last] = value
        yaml.dump(content, path)

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command in the project and return its output; AssertionError for another exit code."""
        variables = environment(self.folder)
        done = subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=500, check=False
        )
        output = done.stdout + done.stderr
        assert (done.returncode == 0) == (code == 0), output
        return output

    def repro(self, *targets: str) -> list[str]:
        """Run `dvc repro`, up to `compare` unless told otherwise, and return the names of the stages that ran."""
        return self.ran(self.run("dvc", "repro", *(targets or ("compare",))))

    @staticmethod
    def ran(output: str) -> list[str]:
        """Return the stages that `dvc repro` or `regbench run` ran, from its output."""
        numbered = re.findall(r"^\[\d+/\d+\] (\w+): (?!up to date|restored)", output, re.MULTILINE)
        return numbered or re.findall(r"Running stage '([^']+)'", output)

    @staticmethod
    def trained(output: str) -> str:
        """Return what the stage train says it found and trains."""
        (line,) = re.findall(r"^train: (.+)$", output, re.MULTILINE)
        return str(line)

    def weights(self) -> dict[str, int]:
        """Return when each network in the store was written."""
        store = self.folder / ".regbench/store/runs"
        return {str(path.relative_to(store)): path.stat().st_mtime_ns for path in store.rglob("model.safetensors")}

    def results(self) -> dict[str, bytes]:
        """Return the bytes of every result; timings are none, nor is what only orders the stages."""
        folders = ("augmented", "data", "evaluation", "metrics", "runs", "tuned")
        paths = [path for name in folders for path in sorted((self.folder / name).rglob("*")) if path.is_file()]
        paths = [path for path in paths if path.parent.name != "stages"]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}
