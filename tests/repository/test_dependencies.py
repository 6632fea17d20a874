"""pyproject.toml: what the library imports is declared, and not only installed because something else needs it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"regbench", "stages"}
MODULES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")])


def normal(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    wanted = [*project["dependencies"], *optional["dask"], *optional["onnx"], *optional["slurm"]]
    return {normal(re.split(r"[\[<>=!~; ]", named)[0]) for named in wanted}


def imported(path: Path) -> set[str]:
    """Return the top names of all modules that a file imports, also inside functions, but for the standard library."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - OWN


def test_every_import_is_a_declared_dependency() -> None:
    distributions = packages_distributions()
    modules = set().union(*(imported(path) for path in MODULES))
    assert {"torch", "click", "PIL", "ruamel"} <= modules
    missing = {name for name in modules if not {normal(d) for d in distributions.get(name, ())} & declared()}
    assert missing == set()


@pytest.mark.parametrize("name", sorted(declared()))
def test_every_dependency_is_locked(name: str) -> None:
    locked = {
        normal(line.partition("==")[0]) for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line
    }
    assert {re.split(r"[\[]", found)[0].strip() for found in locked} >= {name}
