"""Exported models answer as the network does, for any number of images, without regbench, and only if they do."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from regbench.augmentation.zca import Whitening
from regbench.errors import InputError, IntegrityError
from regbench.evaluation import exported_model
from regbench.evaluation.exported_model import ONNX, write_exported
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.combination import Mean, Stack, Votes
from regbench.networks.ensemble import Ensemble
from regbench.networks.predictor import Predictor

CLASSES = ("no", "yes", "maybe")
USE = """
import json, sys
import numpy as np, onnxruntime
folder = sys.argv[1]
described = json.load(open(f"{folder}/interface.json"))
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
images = np.load(f"{folder}/images.npy")
print(json.dumps(session.run([described["output"]], {described["input"]: images})[0].tolist()))
print("regbench" in sys.modules, "torch" in sys.modules)
"""


def network(name: str, seed: int = 0) -> Classifier:
    if name == "cnn":
        return Classifier(Architecture(CLASSES, 1, 12, 10, network="cnn", batch_norm=True), dropout=0.5, seed=seed)
    if name == "whitened":
        made = Classifier(Architecture(CLASSES, 1, 12, 10, (7,), whitening=True), seed=seed)
        return made.set_whitening(Whitening(torch.full((120,), 0.5), 2 * torch.eye(120)))
    return Classifier(Architecture(CLASSES, 1, 12, 10, (9, 7), batch_norm=True), dropout=0.5, seed=seed)


def model(name: str) -> Predictor:
    members = [network(kind, seed) for seed, kind in enumerate(("mlp", "whitened", "cnn"))]
    if name == "bagging":
        return Ensemble(name, members, Mean())
    if name == "boosting":
        return Ensemble(name, members, Votes([2.0, 0.5, 1.25]))
    return Ensemble("stacking", members, Stack(3, 3)) if name == "stacking" else network(name)


@pytest.mark.parametrize("name", ["mlp", "whitened", "cnn", "bagging", "boosting", "stacking"])
def test_other_programs_get_the_network_s_own_probabilities(name: str, tmp_path: Path) -> None:
    made = model(name)
    assert write_exported(made, tmp_path) <= 1e-5
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "model.pt2", "interface.json"}
    described = json.loads((tmp_path / "interface.json").read_text())
    assert (described["classes"], described["image"]) == (list(CLASSES), [1, 12, 10])
    images = np.random.default_rng(5).integers(0, 256, (23, 1, 12, 10), dtype=np.uint8)
    expected = made.probabilities(torch.from_numpy(images)).numpy()
    np.save(tmp_path / "images.npy", images)
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=300,
    )
    said, modules = done.stdout.splitlines()
    np.testing.assert_allclose(np.array(json.loads(said)), expected, atol=1e-5)
    assert modules == "False False"
    graph = torch.export.load(tmp_path / "model.pt2").module()
    for count in (1, 23):
        np.testing.assert_allclose(
            graph(torch.from_numpy(images[:count])).detach().numpy(), expected[:count], atol=1e-5
        )


def test_an_export_that_answers_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ONNX).write_text("former")
    monkeypatch.setattr(exported_model, "TOLERANCE", -1)
    with pytest.raises(
        IntegrityError, match=r"model.pt2: its probabilities differ by .* from the network's: .*not written"
    ):
        write_exported(network("mlp"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ONNX] and (tmp_path / ONNX).read_text() == "former"


def test_without_the_packages_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_model, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(InputError, match=r"no_such_package: not installed: pip install 'regbench\[onnx\]'"):
        write_exported(network("mlp"), tmp_path)
    assert list(tmp_path.iterdir()) == []
