"""The wiring in dvc.yaml: a stage depends on all that it loads, and the test split is opened by evaluate alone."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.project import environment

from regbench.config.checking import load_params
from regbench.config.compute import Compute, ComputeSections
from regbench.config.params import Params
from regbench.config.section import Section
from regbench.config.stages import STAGES as SECTIONS
from regbench.config.stages import UNIMPORTANT, stage_params
from regbench.runtime.code_identity import import_closure

ROOT = Path(__file__).parents[2]
STAGES: dict[str, dict[str, Any]] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
CACHED = [name for name in STAGES if name not in ("check", "track")]
LOCKED = {"data/test"}
MAY_OPEN_TEST = {"evaluate"}


def _closure(stage: str) -> set[str]:
    found = import_closure(ROOT / "stages" / f"{stage}.py", (ROOT / "src", ROOT))
    return {str(path.relative_to(ROOT)) for path in found}


def _outs(stage: str) -> set[str]:
    listed = [*STAGES[stage].get("outs", []), *STAGES[stage].get("metrics", [])]
    return {out if isinstance(out, str) else next(iter(out)) for out in listed}


def test_there_is_one_stage_each_and_no_more() -> None:
    names = ["check", "sample", "ingest", "augment", "tune", "train", "evaluate", "compare", "track"]
    assert list(STAGES) == names and list(SECTIONS) == CACHED
    assert not any({"do", "foreach", "matrix", "params"} & set(stage) for stage in STAGES.values())


@pytest.mark.parametrize("name", STAGES)
def test_script_stage_and_command_share_one_name(name: str) -> None:
    assert STAGES[name]["cmd"].split()[:4] == ["exec", "python", "-m", f"stages.{name}"]


@pytest.mark.parametrize("name", STAGES)
def test_no_text_of_a_user_is_part_of_a_command(name: str) -> None:
    assert not set("$;&|'\"") & set(STAGES[name]["cmd"])


@pytest.mark.parametrize("name", CACHED)
def test_a_stage_depends_on_its_own_code_and_parameters_alone(name: str) -> None:
    deps = STAGES[name]["deps"]
    assert [dep for dep in deps if dep.startswith("data/stages")] == [f"data/stages/{name}.json"]
    assert not [dep for dep in deps if dep.startswith(("src", "stages", "params"))]


def test_all_code_and_parameters_are_checked() -> None:
    assert STAGES["check"]["deps"] == ["networks", "params.yaml", "src", "stages"] and _outs("check") == {"data/stages"}
    ignored = (ROOT / ".dvcignore").read_text().split()
    assert "__pycache__" in ignored, "else the stage would run again after every run"


@pytest.mark.parametrize("name", STAGES)
def test_the_folders_that_a_command_names_are_its_dependencies_and_outputs(name: str) -> None:
    own = _outs(name) | set(STAGES[name]["deps"])
    for word in STAGES[name]["cmd"].split()[4:]:
        # Optuna's journal outlives the stage: it holds trials that are not run again, and decides no result.
        inside = any(known == word or known.startswith(f"{word}/") for known in own)
        assert inside or word == ".regbench/studies.journal", word


@pytest.mark.parametrize("name", CACHED)
def test_a_stage_loads_the_sections_that_it_depends_on(name: str) -> None:
    tree = ast.parse((ROOT / "stages" / f"{name}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") != "run"]
    names = {
        call.args[1].id
        for call in calls
        if getattr(call.func, "id", "") == "load_sections" and isinstance(call.args[1], ast.Name)
    }
    module = import_module(f"stages.{name}")
    loaded: list[type[Section]] = [getattr(module, one) for one in names]
    assert [one for one in loaded if one is not ComputeSections] == [SECTIONS[name]] * bool(SECTIONS[name].model_fields)
    assert not [call for call in calls if getattr(call.func, "id", "") == "load_params"]


def test_every_section_of_params_is_read_by_a_stage() -> None:
    """A key that no stage depends on would change nothing: `dvc repro` would not notice it."""
    read = {key for sections in SECTIONS.values() for key in sections.model_fields}
    # `track` runs always, and `retrain` is a job around the pipeline.
    assert set(Params.model_fields) - read == {"track", "retrain"}


@pytest.mark.parametrize("name", ["tune", "train", "evaluate"])
def test_results_follow_every_key_of_compute_that_changes_bits(name: str) -> None:
    found = stage_params(load_params(ROOT / "params.yaml"), name)["compute"]
    assert set(found) == {"device", "threads", "precision"}
    assert set(UNIMPORTANT) < set(Compute.model_fields)


@pytest.mark.parametrize("name", CACHED)
def test_settings_of_the_job_and_of_tracking_concern_no_stage(name: str) -> None:
    params = load_params(ROOT / "params.yaml")
    notify = params.retrain.notify.model_copy(update={"timeout": 99.0})
    other = params.model_copy(
        update={
            "retrain": params.retrain.model_copy(update={"notify": notify, "model": "other"}),
            "track": params.track.model_copy(update={"experiment": "other"}),
        }
    )
    assert stage_params(other, name) == stage_params(params, name)


@pytest.mark.parametrize("name", CACHED)
def test_code_of_the_job_and_of_tracking_concerns_no_stage(name: str) -> None:
    modules = ("notify", "drift", "retraining", "tracking", "params", "checking", "stages")
    away = (*(f"config/{module}.py" for module in modules), "retraining/", "tracking/", "cli/", "protocols/")
    assert not [file for file in _closure(name) if file.startswith(tuple(f"src/regbench/{one}" for one in away))]


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
    assert loaded and loaded <= _closure("tune")


def test_only_evaluate_opens_the_locked_test_split() -> None:
    for name, stage in STAGES.items():
        opens = set(stage.get("deps", [])) & (LOCKED | {"data", "data/"})
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


def test_every_stage_but_track_keeps_a_cached_output() -> None:
    """DVC restores a stage from its run cache only if an output is cached."""
    for name, stage in STAGES.items():
        assert stage.get("outs") or name == "track"
