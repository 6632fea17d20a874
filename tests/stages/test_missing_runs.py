"""What the pipeline trains after a change, with the real DVC: what is missing, and nothing else."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.project import Project

pytestmark = pytest.mark.slow

PLAIN_L2 = {"recipe": "plain", "l2": 1e-4}


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    shutil.copytree(reproduced.folder, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")


def train(project: Project, **changes: Any) -> str:
    """Change parameters, run the pipeline up to train, and return what train says."""
    project.set(**changes)
    return project.trained(project.run("dvc", "repro", "train"))


def variants_left(project: Project) -> dict[str, set[str]]:
    """Return the variants that folders of results have something of."""
    places = ("runs", "timings", "tuned", "studies", "metrics", "evaluation")
    return {name: {path.stem for path in (project.folder / name).iterdir()} for name in places}


def test_one_more_seed_trains_one_run_a_variant(project: Project) -> None:
    before = project.weights()
    assert train(project, seeds=[128, 129, 130]) == ("9 runs needed, 6 of 9 different ones found, 3 to train")
    after = project.weights()
    assert len(before) == 6 and len(after) == 9 and before.items() <= after.items()
    assert len(list((project.folder / "runs").glob("*/seed-130/result.json"))) == 3


def test_a_changed_hyperparameter_trains_its_variant_and_going_back_trains_nothing(project: Project) -> None:
    before, results = project.weights(), project.results()
    changed = {"variants.l2.l2": 0.01}
    assert train(project, **changed) == "6 runs needed, 4 of 6 different ones found, 2 to train"
    assert project.results() != results
    shutil.rmtree(project.folder / ".dvc/cache/runs")  # Else DVC restores the stage, which does not even run.
    assert train(project, **{"variants.l2.l2": 1e-4}) == "6 runs needed, 6 of 6 different ones found, 0 to train"
    assert before.items() <= project.weights().items()
    assert {name: project.results()[name] for name in results} == results


def test_a_new_variant_trains_itself_and_equal_or_renamed_ones_train_nothing(project: Project) -> None:
    new = {"variants.l1": {"recipe": "plain", "l1": 1e-4}, "variants.again": PLAIN_L2}
    assert train(project, **new) == "10 runs needed, 6 of 8 different ones found, 2 to train"
    before = project.weights()
    renamed = {"variants.l1": None, "variants.lasso": {"recipe": "plain", "l1": 1e-4}}
    assert train(project, **renamed) == "10 runs needed, 8 of 8 different ones found, 0 to train"
    assert project.weights() == before
    assert variants_left(project)["runs"] == {"baseline", "l2", "zca_affine", "again", "lasso"}


@pytest.mark.fault
def test_a_removed_variant_leaves_nothing_behind(project: Project) -> None:
    project.set(**{"variants.l2": None})
    output = project.run("dvc", "repro", "compare")
    assert project.trained(output) == "4 runs needed, 4 of 4 different ones found, 0 to train"
    left = variants_left(project)
    assert left.pop("studies") == set()
    assert left.pop("evaluation") == {"baseline", "zca_affine", "labels", "split"}
    assert all(found == {"baseline", "zca_affine"} for found in left.values()), left
    assert "l2" not in (project.folder / "reports/comparison.md").read_text()


def test_without_the_store_only_new_runs_are_trained(project: Project) -> None:
    shutil.rmtree(project.folder / ".regbench/store")
    results = project.results()
    assert train(project, seeds=[129, 130, 128]) == ("9 runs needed, 6 of 9 different ones found, 3 to train")
    after = project.results()
    for name in results:
        if name.startswith(("runs/", "augmented/")):
            assert after[name] == results[name], name
    assert "augment: " not in project.run("dvc", "repro", "augment"), "DVC has nothing to do"


def test_an_edited_comment_retrains_nothing_and_edited_training_code_retrains_all(project: Project) -> None:
    path, before, results = project.folder / "src/regbench/training/step.py", project.weights(), project.results()
    content = path.read_text()
    path.write_text(f"# edited\n{content}")
    assert project.repro() == ["check"]
    path.write_text(f"{content}\nedited = 1\n")
    output = project.run("dvc", "repro", "train")
    assert project.trained(output) == "6 runs needed, 0 of 6 different ones found, 6 to train"
    assert project.ran(output) == ["check", "augment", "tune", "train"]
    assert "augment: 3 augmentations needed, 0 to make" in output, "their code is another"
    assert before.items() <= project.weights().items() and len(project.weights()) == 12
    same = [name for name in results if name.startswith("runs/") and not name.endswith("spec.json")]
    assert [project.results()[name] for name in same] == [results[name] for name in same]


def test_a_search_is_searched_once(project: Project) -> None:
    search = {"search.trials": 2, "search.epochs": 1, "search.pruner": "none"}
    variants = {"variants.tuned": {"recipe": "plain", "l2": {"low": 1e-5, "high": 1e-3, "log": True}}}
    project.set(**search, **variants)
    assert "tune: 1 studies needed, 0 found, 1 to search" in project.run("dvc", "repro", "tune")
    more = {"variants.again": variants["variants.tuned"], "train.epochs": 2, "seeds": [128]}
    project.set(**more)
    assert "tune: 2 studies needed, 1 found, 1 to search" in project.run("dvc", "repro", "tune")
    project.set(**{"variants.again": None, "variants.tuned": None})
    assert "tune: " not in project.run("dvc", "repro", "tune").replace("stages.tune", "")
    assert variants_left(project)["studies"] == set()
    assert variants_left(project)["tuned"] == {"baseline", "l2", "zca_affine"}
