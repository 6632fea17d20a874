"""Logged models, loaded and served for real."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient

from regbench.model import load_model
from regbench.tracking.store import find_store
from tests.tracking_project import CLASSES, write_project
from tests.tracking_store import (
    environ,
    free_port,
    runs_of,
    track,
)


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


@pytest.mark.parametrize("name", ["digits", "digits-seeds"])
def test_served_model_answers_with_probabilities(logged: tuple[Path, MlflowClient], name: str) -> None:
    folder, client = logged
    run = runs_of(client, name)["l2" if name == "digits" else "l2 1"]
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"runs:/{run.info.run_id}/model"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = environ(MLFLOW_TRACKING_URI=find_store(folder, {}).uri)
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process)
        images = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 4), dtype=np.uint8)
        expected = load_model(folder / "runs/l2/seed-1").probabilities(torch.from_numpy(images)).numpy()
        for count in (1, 3):
            answer = _post(f"http://127.0.0.1:{port}/invocations", {"inputs": images[:count].tolist()})
            assert np.asarray(answer["predictions"]) == pytest.approx(expected[:count], abs=1e-6)
        with pytest.raises(HTTPError, match="400"):
            _post(f"http://127.0.0.1:{port}/invocations", {"inputs": [[[[300] * 4] * 4]]})
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


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


def _post(address: str, content: object) -> dict[str, list[list[float]]]:
    request = Request(address, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as reply:
        answer: dict[str, list[list[float]]] = json.load(reply)
        return answer
