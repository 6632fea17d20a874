"""The wiring in dvc.yaml: deps hold every imported module, and the test split is opened by evaluate alone."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
LOCKED = {"data/test.npy", "data/test.csv"}
MAY_OPEN_TEST = {"evaluate"}


def _stages() -> dict[str, dict[str, Any]]:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


STAGES = _stages()


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Return the project's modules that a module imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            relative = Path(*name.split("."))
            for base in (ROOT / "src", ROOT):
                found |= {p for p in [(base / relative).with_suffix(".py")] if p.is_file()}
    return frozenset(found)


def _closure(path: Path) -> set[str]:
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += _imports(module)
    return {str(module.relative_to(ROOT)) for module in seen}


def _code(stage: dict[str, Any]) -> set[str]:
    return {dep for dep in stage["deps"] if dep.endswith((".py", ".j2"))}


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_exactly_the_modules_that_the_stage_imports(name: str) -> None:
    """A missing one would leave results stale after an edit; a superfluous one would run the stage for nothing."""
    imported = _closure(ROOT / "stages" / f"{name}.py")
    code = {dep for dep in _code(STAGES[name]) if dep.endswith(".py")}
    assert code == imported


@pytest.mark.parametrize("name", STAGES)
def test_script_stage_and_command_share_one_name(name: str) -> None:
    assert STAGES[name]["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]


def test_only_evaluate_opens_the_locked_test_split() -> None:
    for name, stage in STAGES.items():
        deps = {dep for dep in stage.get("deps", []) if isinstance(dep, str)}
        opens = deps & LOCKED or deps & {"data", "data/"}
        assert bool(opens) == (name in MAY_OPEN_TEST), f"{name} depends on {opens}"


@pytest.mark.parametrize("name", set(STAGES) - {"sample", "ingest"} - MAY_OPEN_TEST)
def test_no_other_stage_names_the_test_split_in_its_code(name: str) -> None:
    """`load_split(..., "test")` stands in the import closure of evaluate only (and in the reader itself)."""
    for module in _closure(ROOT / "stages" / f"{name}.py") - {"src/regbench/data/dataset.py"}:
        calls = [
            node
            for node in ast.walk(ast.parse((ROOT / module).read_text()))
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) == "load_split"
            and any(isinstance(argument, ast.Constant) and argument.value == "test" for argument in node.args)
        ]
        assert not calls, f"{module} opens the test split"


def test_every_section_of_params_is_tracked_by_a_stage() -> None:
    """A key that no stage tracks would change nothing: `dvc repro` would not notice it."""
    from regbench.params import Params

    tracked = {
        str(key).split(".")[0] for stage in STAGES.values() for key in stage.get("params", []) if isinstance(key, str)
    }
    assert set(Params.model_fields) - tracked <= {"track"}  # track runs always


def test_every_stage_but_track_keeps_a_cached_output() -> None:
    """DVC restores a stage from its run cache only if an output is cached."""
    for name, stage in STAGES.items():
        assert stage.get("outs") or name == "track"
