"""Logged models, loaded and served for real."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image
from support.offers import offer
from support.project import ROOT
from support.serving import free_port
from support.tracking_project import CLASSES, write_project
from support.tracking_store import (
    environ,
    runs_of,
    track,
)

from regbench.networks.model_files import load_model
from regbench.tracking.registry import Registry
from regbench.tracking.store import find_store


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MlflowClient]:
    folder = tmp_path_factory.mktemp("logged")
    write_project(folder)
    track(folder)
    return folder, MlflowClient(find_store(folder, {}).uri)


def test_model_carries_the_numbers_of_its_epoch(logged: tuple[Path, MlflowClient]) -> None:
    folder, client = logged
    run = runs_of(client, "digits-seeds")["l2 1"]
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    metrics = {metric.key: metric.value for metric in model.metrics}
    history = pd.read_csv(folder / "runs/l2/seed-1/history.csv")
    assert metrics["validation/accuracy"] == pytest.approx(history.loc[1, "validation_accuracy"])
    assert metrics["test/error_pct"] == pytest.approx(19)
    assert model.tags["classes"] == json.dumps(CLASSES)


@pytest.fixture(scope="module")
def served(logged: tuple[Path, MlflowClient], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `mlflow models serve` for a registered champion, started elsewhere than in the project."""
    folder, _ = logged
    registry = Registry(find_store(folder, {}), "digits")
    registry.promote(registry.register(offer(folder)), over=None)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/digits@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = environ(MLFLOW_TRACKING_URI=find_store(folder, {}).uri)
    # The model is complete: neither the project nor regbench can be imported.
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "hidden").mkdir()
    (elsewhere / "hidden" / "regbench.py").write_text("raise ImportError('regbench is not installed here')\n")
    environment["PYTHONPATH"] = str(elsewhere / "hidden")
    process = subprocess.Popen(command, cwd=elsewhere, env=environment, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.slow
def test_served_champion_answers_every_form_with_labels_and_probabilities(
    logged: tuple[Path, MlflowClient], served: str
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 4), dtype=np.uint8)
    network = load_model(logged[0] / "runs/l2/seed-1")
    expected = network.probabilities(torch.from_numpy(images)).numpy()
    rows = pd.DataFrame(images.reshape(3, 16), columns=[f"pixel{k}" for k in range(16)])
    forms = [
        {"inputs": images[0, 0].tolist()},
        {"inputs": images.tolist()},
        {"instances": images[:, 0].tolist()},
        {"dataframe_split": rows.to_dict(orient="split")},
        {"dataframe_records": rows.to_dict(orient="records")},
    ]
    for form in forms:
        answer = _post(served, form)["predictions"]
        count = len(answer)
        assert count == (1 if form is forms[0] else 3)
        assert all(list(row["probabilities"]) == list(network.classes) for row in answer)
        answered = np.array([list(row["probabilities"].values()) for row in answer])
        assert answered == pytest.approx(expected[:count], abs=1e-7)
        assert [row["label"] for row in answer] == [network.classes[best] for best in expected[:count].argmax(1)]


@pytest.mark.slow
def test_the_commands_of_the_docs_get_what_regbench_predicts(
    logged: tuple[Path, MlflowClient], served: str, tmp_path: Path
) -> None:
    """The page's own two lines, with the address of this server."""
    page = (ROOT / "docs/tracking.md").read_text()
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "curl" in block]
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4), dtype=np.uint8)
    for path in (tmp_path / "digit.png", tmp_path / "images/digit.png"):
        Image.fromarray(pixels).save(path)
    commands = block.replace("http://127.0.0.1:5001/invocations", served)
    bash = ["bash", "-euo", "pipefail", "-c", commands]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(bash, cwd=tmp_path, env=environ(PATH=path), capture_output=True, text=True, check=True)
    (answer,) = json.loads(done.stdout)["predictions"]
    predict = ["predict", str(tmp_path / "images"), "--out", str(tmp_path / "submission.csv")]
    command = [sys.executable, "-m", "regbench", *predict, "--model", "runs/l2/seed-1"]
    subprocess.run(command, cwd=logged[0], env=environ(), check=True)
    labels = pd.read_csv(tmp_path / "submission.csv", dtype=str)
    probabilities = pd.read_csv(tmp_path / "submission-probabilities.csv").drop(columns="filename")
    assert list(labels["label"]) == [answer["label"]]
    assert list(probabilities) == list(answer["probabilities"]) == list(CLASSES)
    assert list(probabilities.iloc[0]) == pytest.approx(list(answer["probabilities"].values()), abs=1e-6)


@pytest.mark.slow
def test_served_champion_refuses_what_is_no_image(served: str) -> None:
    with pytest.raises(HTTPError, match="400") as refused:
        _post(served, {"inputs": [[[300] * 4] * 4]})
    assert json.load(refused.value)["message"].endswith("Error: images: pixels must be whole numbers from 0 to 255")


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            with urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{address} does not answer")


def _post(address: str, content: object) -> dict[str, list[dict[str, Any]]]:
    request = Request(address, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as reply:
        answer: dict[str, list[dict[str, Any]]] = json.load(reply)
        return answer
