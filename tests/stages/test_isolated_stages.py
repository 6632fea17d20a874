"""Each stage in a folder that holds its declared dependencies alone: it reads nothing else, writes the same bytes."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.project import Project, environment

STAGES: dict[str, dict[str, Any]] = YAML(typ="safe").load((Path(__file__).parents[2] / "dvc.yaml").read_text())[
    "stages"
]
TIMES = ("timings", "reports")
"""Folders whose bytes hold seconds."""


def copy(project: Project, name: str, folder: Path) -> None:
    source, target = project.folder / name, folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


@pytest.mark.parametrize("name", ["ingest", "augment", "tune", "train", "evaluate", "compare"])
def test_a_stage_reads_its_declared_dependencies_alone(reproduced: Project, name: str, tmp_path: Path) -> None:
    stage = STAGES[name]
    for dep in stage["deps"]:
        copy(reproduced, "raw.zip" if dep == "${data.raw}" else dep, tmp_path)
    shutil.copy2(reproduced.folder / "params.yaml", tmp_path)
    variables = environment(reproduced.folder)
    variables["PYTHONPATH"] += f"{os.pathsep}{reproduced.folder}"
    done = subprocess.run(
        shlex.split(stage["cmd"])[1:], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outs = [out if isinstance(out, str) else next(iter(out)) for out in [*stage["outs"], *stage.get("metrics", [])]]
    for out in outs:
        paths = [tmp_path / out] if (tmp_path / out).is_file() else sorted((tmp_path / out).rglob("*"))
        for path in paths:
            name_in_project = reproduced.folder / path.relative_to(tmp_path)
            assert name_in_project.exists(), path
            if path.is_file() and out not in TIMES:
                assert path.read_bytes() == name_in_project.read_bytes(), path
