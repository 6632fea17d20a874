"""The wiring in dvc.yaml: a stage depends on all code that it loads, and the test split is opened by evaluate alone."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.project import environment

from regbench.config.compute import Compute
from regbench.runtime.code_identity import code_identity, import_closure

ROOT = Path(__file__).parents[2]
LOCKED = {"data/test"}
MAY_OPEN_TEST = {"evaluate"}


def _stages() -> dict[str, dict[str, Any]]:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


STAGES = _stages()


def _closure(stage: str) -> set[str]:
    found = import_closure(ROOT / "stages" / f"{stage}.py", (ROOT / "src", ROOT))
    return {str(path.relative_to(ROOT)) for path in found}


@pytest.mark.parametrize("name", sorted(set(STAGES) - {"check"}))
def test_a_stage_depends_on_the_hash_of_its_code_and_on_no_other_code(name: str) -> None:
    """A missing one would leave results stale after an edit; a superfluous one would run the stage for nothing."""
    deps = {
        dep for dep in STAGES[name]["deps"] if dep.endswith(".py") or dep.startswith(("data/code", "src", "stages"))
    }
    templates = {dep for dep in deps if dep.endswith(".j2")}
    assert deps - templates == {f"data/code/{name}.txt"}


def test_the_hashes_are_made_from_all_code() -> None:
    assert {"src", "stages"} <= set(STAGES["check"]["deps"]) and "data/code" in STAGES["check"]["outs"]
    ignored = (ROOT / ".dvcignore").read_text().split()
    assert "__pycache__" in ignored, "else the stage would run again after every run"


def test_every_template_is_a_dependency_of_compare() -> None:
    templates = {str(path.relative_to(ROOT)) for path in (ROOT / "src/regbench/report").rglob("*.j2")}
    assert templates and templates <= set(STAGES["compare"]["deps"])


def test_the_closure_holds_what_python_loads() -> None:
    """All that a real interpreter loads on import, and what is imported inside functions besides."""
    code = (
        "import sys; from pathlib import Path; import stages.tune; import regbench.search.tune\n"
        "files = {getattr(m, '__file__', None) for m in sys.modules.values()} - {None}\n"
        "own = [Path.cwd() / top for top in ('src', 'stages')]\n"  # .venv may stand in the project's folder too
        "print(*[f for f in map(Path, files) if any(map(f.is_relative_to, own))], sep='\\n')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment(ROOT), capture_output=True, text=True, check=True)
    loaded = {str(Path(line).relative_to(ROOT)) for line in done.stdout.split()}
    assert loaded == _closure("tune")


def test_the_hash_follows_what_is_loaded_and_nothing_else(tmp_path: Path) -> None:
    files = {
        "src/pack/__init__.py": "",
        "src/pack/a.py": "def f():\n    from pack import b",
        "src/pack/b.py": "import pack.c",
        "src/pack/c.py": "import json",
        "src/pack/other.py": "",
        "stages/go.py": "from pack.a import f",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)

    def current() -> str:
        return code_identity([tmp_path / "stages/go.py"], (tmp_path / "src", tmp_path), tmp_path)

    before = current()
    for name, content in files.items():
        (tmp_path / name).write_text(f"{content}\nedited = 1")
        assert (current() != before) == (name != "src/pack/other.py"), name
        (tmp_path / name).write_text(content)
    assert current() == before


@pytest.mark.parametrize("name", STAGES)
def test_script_stage_and_command_share_one_name(name: str) -> None:
    assert STAGES[name]["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]


def test_only_evaluate_opens_the_locked_test_split() -> None:
    for name, stage in STAGES.items():
        deps = {dep for dep in stage.get("deps", []) if isinstance(dep, str)}
        opens = deps & LOCKED or deps & {"data", "data/"}
        assert bool(opens) == (name in MAY_OPEN_TEST), f"{name} depends on {opens}"


@pytest.mark.parametrize("name", sorted(set(STAGES) - {"sample", "ingest"} - MAY_OPEN_TEST))
def test_no_other_stage_names_the_test_split_in_its_code(name: str) -> None:
    """`load_split(..., "test")` stands in the import closure of evaluate only (and in the reader itself)."""
    for module in _closure(name) - {"src/regbench/data/dataset.py"}:
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
    from regbench.config.params import Params

    tracked = {
        str(key).split(".")[0] for stage in STAGES.values() for key in stage.get("params", []) if isinstance(key, str)
    }
    # `track` runs always, and `retrain` is a job around the pipeline.
    assert set(Params.model_fields) - tracked <= {"track", "retrain"}


def test_every_stage_but_track_keeps_a_cached_output() -> None:
    """DVC restores a stage from its run cache only if an output is cached."""
    for name, stage in STAGES.items():
        assert stage.get("outs") or name == "track"


@pytest.mark.parametrize("name", ["tune", "train"])
def test_trainings_follow_every_key_of_compute_that_changes_bits(name: str) -> None:
    """`workers` says how many run at once, which changes no result."""
    listed = {key.removeprefix("compute.") for key in STAGES[name]["params"] if key.startswith("compute.")}
    assert listed == set(Compute.model_fields) - {"workers"}
