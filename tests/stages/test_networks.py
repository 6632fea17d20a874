"""The whole pipeline with several networks, and the example of docs/own-network.md as a user follows it."""

import json

import pandas as pd
import pytest
from support.own_network import EXAMPLE, NETWORK, write_own
from support.project import REGBENCH, Project
from support.raw_images import write_canonical

VARIANTS = {
    "baseline": {"recipe": "plain"},
    "cnn": {"recipe": "plain", "dropout": 0.2, "batch_norm": True, "model": {"network": "cnn"}},
    "own": {"recipe": "affine", "dropout": 0.2, "model": {"network": NETWORK}},
}


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("networks") / "project")
    write_own(project.folder)
    project.set(**{"data.image_size": [12, 12], "variants": VARIANTS, "seeds": [1]})
    project.output = project.run("dvc", "repro")
    return project


def test_one_table_compares_networks(project: Project) -> None:
    assert project.trained(project.output) == "3 runs needed, 0 of 3 different ones found, 3 to train"
    table = pd.read_csv(project.folder / "reports/comparison.csv")
    assert set(table["variant"]) == set(VARIANTS)
    described = {name: json.loads((project.folder / f"runs/{name}/seed-1/model.json").read_text()) for name in VARIANTS}
    assert "network" not in described["baseline"], "a perceptron's file is as ever"
    assert described["cnn"]["network"] == "cnn" and described["own"]["network"] == NETWORK


@pytest.mark.parametrize("name", ["cnn", "own"])
def test_saved_networks_label_new_images(project: Project, name: str) -> None:
    write_canonical(project.folder / "mine.zip", images=9, classes=("a", "b", "c"), unlabelled=5)
    project.run(*REGBENCH, "predict", "mine.zip", "--model", f"runs/{name}", "--out", f"{name}.csv")
    assert len(pd.read_csv(project.folder / f"{name}.csv")) == 5


def test_an_edit_of_one_s_own_network_trains_it_again_and_a_comment_does_not(project: Project) -> None:
    write_own(project.folder, f"{EXAMPLE}\n# a comment\n")
    assert project.repro() == ["check"]
    write_own(project.folder, EXAMPLE.replace(".relu()", ".tanh()"))
    output = project.run("dvc", "repro", "compare")
    assert project.trained(output) == "3 runs needed, 2 of 3 different ones found, 1 to train"
    write_own(project.folder)
    output = project.run("dvc", "repro", "compare")
    assert project.trained(output) == "3 runs needed, 3 of 3 different ones found, 0 to train"


def test_what_does_not_fit_is_refused_before_anything_runs(project: Project) -> None:
    project.set(**{"variants.own.batch_norm": True})
    output = project.run("dvc", "repro", code=1)
    assert (
        f"params.yaml: variants.own.batch_norm = True: is no part of the network {NETWORK}: "
        "give the function a parameter batch_norm, or remove it"
    ) in output
    assert Project.ran(output) == ["check"]
    project.set(**{"variants.own.batch_norm": None})
