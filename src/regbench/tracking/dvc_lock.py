"""What `dvc.lock` records of each stage: its command, and the hashes of what it read and wrote."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

LOCK = "dvc.lock"


def read_stages(project: Path) -> dict[str, Any]:
    """Return the entries of `dvc.lock`, which lists all stages with their names filled in; none if it is unreadable."""
    try:
        stages: dict[str, Any] = YAML(typ="safe").load((project / LOCK).read_text(encoding="utf-8"))["stages"]
        listed = [path for stage in stages.values() for path in (*stage.get("outs", []), *stage.get("deps", []))]
        return stages if all("path" in path for path in listed) else {}
    except (OSError, YAMLError, KeyError, TypeError, AttributeError):
        return {}


def outputs(stages: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the recorded entry (md5, size, nfiles) of each output, by its path."""
    return {out["path"]: out for stage in stages.values() for out in stage.get("outs", [])}


def sources(stages: Mapping[str, Any]) -> set[str]:
    """Return the paths that stages read and no stage writes: code, parameters, raw data."""
    return {dep["path"] for stage in stages.values() for dep in stage.get("deps", [])} - outputs(stages).keys()
