"""The stage check: what each stage depends on, and mistakes that are refused before anything runs."""

import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from support.project import Project, environment

from stages import check as stage

TRAINED = {"augment", "tune", "train", "evaluate"}
"""Stages whose work is done by the engine."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("check") / "project")
    project.set(**{"data.raw": str(project.folder / "raw.zip")})
    check(project)
    return project


def check(project: Project) -> dict[str, object]:
    """Run the stage in this process, which knows parsed code by its content, and return what its files say."""
    out = project.folder / "data/stages"
    command = ["check", "--params", str(project.folder / "params.yaml"), str(out)]
    with patch.object(sys, "argv", command), patch.object(stage, "FOLDER", project.folder / "stages"):
        stage.main()
    return saved(project)


def saved(project: Project) -> dict[str, object]:
    return {path.stem: json.loads(path.read_text()) for path in (project.folder / "data/stages").iterdir()}


def concerned(project: Project, file: str, text: str, replaced: str = "") -> set[str]:
    """Return the stages that an edit concerns: `text` is appended, or put in the place of another one; it is undone."""
    path = project.folder / file
    content, before = path.read_text(), saved(project)
    assert replaced in content
    path.write_text(content.replace(replaced, text) if replaced else f"{content}\n{text}\n")
    try:
        after = check(project)
    finally:
        path.write_text(content)
        for name, found in before.items():
            (project.folder / "data/stages" / f"{name}.json").write_text(json.dumps(found))
    return {name for name, found in after.items() if found != before[name]}


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("training/optimizer", TRAINED),
        ("data/decoding", {"ingest"}),
        ("data/sample", {"sample"}),
        ("search/winner", {"tune"}),
        ("evaluation/corruption", {"evaluate"}),
        ("report/page", {"compare"}),
        ("engine/pipeline", {"train"}),
        ("tracking/sync", set()),
        ("config/notify", set()),
        ("config/params", set()),
        ("cli/main", set()),
    ],
)
def test_an_edited_module_concerns_the_stages_that_load_it(project: Project, module: str, stages: set[str]) -> None:
    assert concerned(project, f"src/regbench/{module}.py", "edited = 1") == stages


def test_an_edited_stage_concerns_itself_and_a_template_the_report(project: Project) -> None:
    assert concerned(project, "stages/train.py", "edited = 1") == {"train"}
    template = next((project.folder / "src/regbench/report/templates").glob("*.j2"))
    assert concerned(project, str(template.relative_to(project.folder)), "edited") == {"compare"}


def test_a_comment_or_a_docstring_concerns_no_stage(project: Project) -> None:
    assert concerned(project, "src/regbench/training/optimizer.py", "# edited") == set()
    assert concerned(project, "stages/train.py", "Learn with every variant", "Train every variant") == set()


@pytest.mark.parametrize(
    ("old", "new", "stages"),
    [
        ("timeout: 10", "timeout: 11", set()),
        ("experiment: regbench", "experiment: other", set()),
        ("workers: 0", "workers: 1", set()),
        ("checkpoint_epochs: 5", "checkpoint_epochs: 1", set()),
        ("store_gigabytes: 10", "store_gigabytes: 1", set()),
        ("threads: 1", "threads: 2", {"tune", "train", "evaluate", "compare"}),
        ("confidence: 0.95\n  margin", "confidence: 0.9\n  margin", {"evaluate", "compare"}),
        ("trials: 4", "trials: 5", {"tune"}),
        ("copies: 2", "copies: 3", {"augment", "tune", "train", "evaluate", "compare"}),
        ("max_rejected: 0", "max_rejected: 1", {"ingest"}),
    ],
)
def test_a_parameter_concerns_the_stages_that_read_it(project: Project, old: str, new: str, stages: set[str]) -> None:
    assert concerned(project, "params.yaml", new, old) == stages


def test_files_of_other_stages_go(project: Project) -> None:
    stray = project.folder / "data/stages/train@old.json"
    stray.write_text("{}")
    check(project)
    assert not stray.exists()


@pytest.mark.fault
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("variants.l2.droput", 0.1, "variants.l2.droput = 0.1: unknown key: did you mean 'dropout'?"),
        ("variants.l2.l2", -1, "variants.l2.l2 = -1: must be greater than or equal to 0"),
        ("train.epochs", 0, "train.epochs = 0: must be greater than or equal to 1"),
        (
            "variants.l2.recipe",
            "plane",
            "variants.l2.recipe = 'plane': must be a key of recipes: did you mean 'plain'?",
        ),
        (
            "data.raw",
            "absent.zip",
            "data.raw = 'absent.zip': no such file or folder: correct it, or use data/sample.zip",
        ),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_line(project: Project, key: str, value: object, message: str) -> None:
    path, files = project.folder / "params.yaml", project.folder / "data/stages"
    content, before = path.read_text(), {file: file.read_bytes() for file in files.iterdir()}
    project.set(**{key: value})
    command = [sys.executable, "-m", "stages.check", "data/stages"]
    done = subprocess.run(
        command, cwd=project.folder, env=environment(project.folder), capture_output=True, text=True, check=False
    )
    path.write_text(content)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"params.yaml: {message}\n")
    assert {file: file.read_bytes() for file in files.iterdir()} == before


@pytest.mark.fault
def test_the_library_of_another_checkout_is_refused(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "src/regbench"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    command = [sys.executable, "-m", "stages.check", "data/stages"]
    done = subprocess.run(
        command, cwd=project.folder, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2,
        f"regbench is imported from {other}, not from {project.folder}/src/regbench: run `make install` in this "
        "folder, which points the environment to it, or set PYTHONPATH=src\n",
    )
