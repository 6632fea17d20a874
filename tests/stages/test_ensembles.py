"""The example of docs/ensembles.md through the whole pipeline: table, MLflow, predictions and a champion."""

import json

import pandas as pd
import pytest
from mlflow import MlflowClient
from ruamel.yaml import YAML
from support.learnable import write_learnable
from support.project import REGBENCH, ROOT, Project
from support.raw_images import write_canonical

from regbench.files import read_json

EXAMPLE = YAML(typ="safe").load((ROOT / "docs/ensembles.md").read_text().partition("```yaml\n")[2].partition("```")[0])
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("ensembles") / "project")
    write_learnable(project.folder / "raw.zip")
    project.set(**EXAMPLE, **{"train.epochs": 3, "train.learning_rate": 3e-3, "evaluate.robustness_images": 20})
    project.output = project.run("dvc", "repro")
    return project


def test_the_table_has_a_row_an_ensemble_with_its_networks(project: Project) -> None:
    assert "ensembles: 6 needed, 6 to put together" in project.output
    table = pd.read_csv(project.folder / "reports/comparison.csv").set_index("variant")
    assert set(table.index) == {*EXAMPLE["variants"], *EXAMPLE["ensembles"]}
    networks = {name: read_json(project.folder / f"runs/{name}/seed-128/result.json") for name in EXAMPLE["ensembles"]}
    assert (networks["bagged"]["networks"], networks["stacked"]["networks"]) == (5, 3)
    assert table["networks"][["baseline", "bagged", "stacked"]].tolist() == [1, 5, 3]
    assert 1 <= table["networks"]["boosted"] <= 5
    header = next(line for line in project.output.splitlines() if line.startswith("| variant"))
    assert header.endswith("| seeds | networks |")
    page = (project.folder / "reports/comparison.html").read_text()
    assert "epoch, or network of an ensemble (from 0)" in page
    seconds = pd.read_csv(project.folder / "reports/timings.csv").set_index("variant")["train_wall_seconds"]
    assert seconds["bagged"] > 2 * seconds["dropout"]


def test_mlflow_has_a_run_an_ensemble_with_networks_seconds_and_a_model(project: Project) -> None:
    client = MlflowClient(f"sqlite:///{project.folder}/mlflow.db")
    found = client.get_experiment_by_name("regbench")
    assert found is not None
    runs = {run.info.run_name: run for run in client.search_runs([found.experiment_id])}
    assert set(runs) == {*EXAMPLE["variants"], *EXAMPLE["ensembles"]}
    bagged = runs["bagged"].data
    assert (bagged.metrics["work/networks"], bagged.params["method"], bagged.params["of"]) == (5, "bagging", "dropout")
    assert bagged.params["dropout"] == "0.25" and bagged.metrics["work/wall_seconds"] > 0
    assert runs["stacked"].data.params["of"] == "baseline dropout small"
    assert all(runs[name].outputs.model_outputs for name in EXAMPLE["ensembles"])


def test_a_second_run_makes_nothing_and_one_network_more_trains_one_a_seed(project: Project) -> None:
    assert Project.ran(project.run("dvc", "repro")) == ["track"]
    project.set(**{"ensembles.bagged.networks": 6})
    output = project.run("dvc", "repro", "compare")
    assert project.trained(output).endswith("2 to train") and "ensembles: 6 needed, 2 to put together" in output
    assert "tune" not in Project.ran(output)
    project.set(**{"ensembles.bagged.networks": 5})
    assert project.trained(project.run("dvc", "repro", "compare")).endswith("0 to train")


@pytest.mark.parametrize("name", EXAMPLE["ensembles"])
def test_an_ensemble_labels_new_images(project: Project, name: str) -> None:
    write_canonical(project.folder / "mine.zip", images=9, classes=("a", "b", "c"), unlabelled=5)
    project.run(*REGBENCH, "predict", "mine.zip", "--model", f"runs/{name}/seed-128", "--out", f"{name}.csv")
    rows = pd.read_csv(project.folder / f"{name}-probabilities.csv").drop(columns="filename")
    assert len(rows) == 5 and rows.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    output = project.run(*REGBENCH, "export-model", "--model", f"runs/{name}/seed-128", "--out", f"exported-{name}")
    assert f"exported-{name}: model.onnx and model.pt2 of runs/{name}/seed-128" in output


def test_an_ensemble_may_become_the_champion(project: Project) -> None:
    project.set(**{"retrain.challenger": "boosted", "retrain.gate.require_commit": False})
    output = project.run(*REGBENCH, "retrain", "--zero")
    assert "promoted" in output
    record = json.loads((project.folder / "retraining/decisions.jsonl").read_text().splitlines()[-1])
    assert record["challenger"]["variant"] == "boosted"
    project.run(*REGBENCH, "predict", "mine.zip", "--out", "champion.csv")
    assert len(pd.read_csv(project.folder / "champion.csv")) == 5
    assert "model.onnx and model.pt2 of the champion, version 1" in project.run(*REGBENCH, "export-model")
    several = project.run(*REGBENCH, "export-model", "--model", "runs/bagged", code=2)
    assert several.endswith("runs/bagged: holds 2 runs: name one of them, such as runs/bagged/seed-128\n")
