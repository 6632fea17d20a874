"""The folder of a logged model: the graph is traced once an architecture, the weights are each model's own."""

import filecmp
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.pytorch
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from numpy.typing import NDArray
from support.own_network import write_own

from regbench.errors import IntegrityError
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import load_model, save_model
from regbench.networks.own import own_code
from regbench.tracking import image_classifier, model_folder, model_template
from regbench.tracking.model_folder import GRAPH, TEMPLATES, ModelFolders, read_weights, replace_weights
from regbench.tracking.run_record import Network

PLAIN = Architecture(("a", "b", "c"), 1, 4, 4, (8, 6))
ARCHITECTURES = {
    "plain": PLAIN,
    "batch_norm": Architecture(("a", "b", "c"), 1, 4, 4, (8, 6), batch_norm=True),
    "whitening": Architecture(("a", "b", "c"), 1, 4, 4, (8, 6), whitening=True),
    "wide": Architecture(("a", "b"), 3, 4, 5, (9,), batch_norm=True),
    "cnn": Architecture(("a", "b", "c"), 1, 10, 11, batch_norm=True, whitening=True, network="cnn"),
    "resnet": Architecture(("a", "b", "c"), 1, 8, 8, network="torchvision:resnet18"),
}
Folders = dict[tuple[str, int], tuple[Network, Path]]
CODE = "code/image_classifier.py"
CHANNELS_LAST = """
import torch
from torch import nn


def build(architecture, dropout=0.0):
    convolutions = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 2)
    layers = nn.Sequential(*convolutions, nn.Flatten(), nn.Dropout(dropout), nn.Linear(8, 3))
    return layers.to(memory_format=torch.channels_last)
"""


def save_random(folder: Path, architecture: Architecture, seed: int) -> Network:
    """Save a network all of whose tensors, buffers too, are random, and whose dropout is on while it trains."""
    random = torch.Generator().manual_seed(seed)
    model = Classifier(architecture, dropout=0.1 * seed, input_dropout=0.1 * seed)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            # Divided by a unit's inputs: the sums of eighteen layers stay finite.
            inputs = tensor[0].numel() if tensor.dim() > 1 and tensor.numel() else 1
            tensor.copy_((torch.rand(tensor.shape, generator=random) + 0.1) / inputs)
    save_model(folder, model)
    shape = (2, architecture.channels, architecture.height, architecture.width)
    return Network(folder, 0, np.zeros(shape, dtype=np.uint8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Two models of each architecture, written in turns."""
    top = tmp_path_factory.mktemp("folders")
    written = {}
    for seed in (1, 2):
        writer = ModelFolders(top / "store")
        for name, architecture in ARCHITECTURES.items():
            network = save_random(top / f"saved-{name}-{seed}", architecture, seed)
            path = top / f"logged-{name}-{seed}"
            writer.write(path, network, f"run {seed}", f"m-{name}", "place")
            written[name, seed] = (network, path)
    return written


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_graph_answers_as_the_saved_network_to_the_last_bit(
    folders: Folders, name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # MLflow then refuses whatever its loading would have to unpickle.
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    network, path = folders[name, seed]
    graph = mlflow.pytorch.load_model(str(path))
    saved = load_model(network.folder)
    for count in (1, 2, 7):
        shape = (count, *network.example.shape[1:])
        pixels = torch.from_numpy(np.random.default_rng(count).integers(0, 256, shape, dtype=np.uint8))
        with torch.inference_mode():
            assert torch.equal(graph(pixels), saved.probabilities(pixels))
    # Other weights, other answers: the comparison above can tell the two models apart.
    other = load_model(folders[name, 3 - seed][0].folder)
    assert not torch.equal(other.probabilities(pixels), saved.probabilities(pixels))


def test_folder_names_its_own_run_and_model(folders: Folders) -> None:
    described = {key: Model.load(str(path)) for key, (_, path) in folders.items()}
    assert [described["plain", seed].run_id for seed in (1, 2)] == ["run 1", "run 2"]
    assert described["wide", 2].model_id == "m-wide"
    assert described["plain", 1].artifact_path == "place"
    assert described["wide", 1].metadata == {"classes": ["a", "b"], "image": [3, 4, 5]}
    assert described["wide", 1].signature.outputs.input_names() == ["label", "probabilities"]
    assert len({model.model_uuid for model in described.values()}) == len(folders)


def test_a_graph_is_traced_once_an_architecture_and_kept_for_later_syncs(folders: Folders, tmp_path: Path) -> None:
    network, first = folders["plain", 1]
    store = first.parent / "store"
    assert len(list((store / TEMPLATES).iterdir())) == len(ARCHITECTURES)
    code = """if True:
        import sys
        from pathlib import Path
        import numpy as np
        from regbench.tracking.model_folder import ModelFolders
        from regbench.tracking.run_record import Network
        store, saved, out = map(Path, sys.argv[1:])
        network = Network(saved, 0, np.zeros((2, 1, 4, 4), dtype=np.uint8))
        ModelFolders(store).write(out, network, "later", "m-later", "place")
        print(*{"torch", "mlflow.pytorch"} & sys.modules.keys())
    """
    given = map(str, (store, network.folder, tmp_path / "later"))
    ran = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
    assert filecmp.cmp(tmp_path / "later" / GRAPH, first / GRAPH, shallow=False)


@pytest.mark.parametrize("changed", ["classes", "example", "version"])
def test_another_architecture_example_or_library_gets_a_template_of_its_own(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Network] = []
    monkeypatch.setattr(model_template, "write_template", lambda folder, network: made.append(network))
    writer, network = ModelFolders(tmp_path / "store"), save_random(tmp_path / "saved", PLAIN, 1)
    place = writer.template(network)
    assert writer.template(network) == place and len(made) == 1
    if changed == "classes":
        network = save_random(tmp_path / "other", replace(PLAIN, classes=("a", "b", "z")), 1)
    elif changed == "example":
        network = replace(network, example=network.example + 1)
    else:
        monkeypatch.setattr(model_folder, "version", lambda name: "0")
    assert writer.template(network) != place and len(made) == 2


@pytest.mark.filterwarnings("ignore:No complete tensor found in the group")  # torch, of all such layouts
def test_weights_whose_channels_come_last_keep_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a network of the user's own; its file has all tensors row by row."""
    monkeypatch.chdir(tmp_path)
    write_own(tmp_path, CHANNELS_LAST, "last")
    name = "networks.last:build"
    architecture = Architecture(("a", "b", "c"), 1, 4, 5, network=name, code=own_code(name))
    writer, pixels = ModelFolders(tmp_path / "store"), torch.from_numpy(random_images(3, 1, 4, 5))
    for seed in (1, 2):
        network = save_random(tmp_path / f"saved-{seed}", architecture, seed)
        writer.write(tmp_path / f"logged-{seed}", network, "run", "m-model", "place")
        graph, saved = mlflow.pytorch.load_model(str(tmp_path / f"logged-{seed}")), load_model(network.folder)
        assert not saved.layers[3].weight.is_contiguous()
        with torch.inference_mode():
            assert torch.equal(graph(pixels), saved.probabilities(pixels))


@pytest.mark.fault
def test_weights_of_another_size_are_no_copy_of_a_graph(folders: Folders, tmp_path: Path) -> None:
    network, path = folders["plain", 1]
    weights = read_weights(network.folder)
    replace_weights(path / GRAPH, weights, tmp_path / "same.pt2")
    assert filecmp.cmp(path / GRAPH, tmp_path / "same.pt2", shallow=False)
    name = next(name for name, weight in weights.items() if weight)
    with pytest.raises(ValueError, match=rf"{re.escape(name)}: \d+ bytes, and \d+ in the exported graph"):
        replace_weights(path / GRAPH, weights | {name: 2 * weights[name]}, tmp_path / "larger.pt2")


@pytest.mark.fault
@pytest.mark.parametrize("name", [GRAPH, "MLmodel"])
def test_a_damaged_template_is_one_line(folders: Folders, name: str, tmp_path: Path) -> None:
    network, path = folders["plain", 1]
    shutil.copytree(path.parent / "store", tmp_path / "store")
    writer = ModelFolders(tmp_path / "store")
    template = writer.template(network)
    (template / name).write_bytes(b"\x00[")
    with pytest.raises(IntegrityError, match=rf"^{template}: is damaged, or {network.folder} is: [^\n]+: delete the"):
        writer.write(tmp_path / "out", network, "run", "m-model", "place")


@pytest.mark.fault
def test_damaged_weights_are_one_line(folders: Folders, tmp_path: Path) -> None:
    shutil.copytree(folders["plain", 1][0].folder, tmp_path / "saved")
    network = replace(folders["plain", 1][0], folder=tmp_path / "saved")
    file = tmp_path / "saved/model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=rf"^{file}: cannot be read: [^\n]+: restore it by `dvc checkout`$"):
        ModelFolders(folders["plain", 1][1].parent / "store").write(tmp_path / "out", network, "run", "m", "place")


def test_folder_holds_no_pickled_module_and_no_code_but_ours(folders: Folders) -> None:
    expected = {"MLmodel", "conda.yaml", "data/model.pt2", "input_example.json", "python_env.yaml", "requirements.txt"}
    for _, path in folders.values():
        files = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
        assert files == expected | {"serving_input_example.json", CODE}
        assert (path / CODE).read_bytes() == Path(image_classifier.__file__).read_bytes()


def served(folders: Folders, name: str) -> tuple[Classifier, Any]:
    network, path = folders[name, 1]
    return load_model(network.folder), mlflow.pyfunc.load_model(str(path))


def random_images(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def by_class(answer: pd.DataFrame) -> NDArray[np.float32]:
    """Return the probabilities in the order of the classes (N, K)."""
    return np.array([[row[name] for name in PLAIN.classes] for row in answer["probabilities"]], dtype=np.float32)


@pytest.mark.parametrize(
    "shown",
    [
        lambda images: images,
        lambda images: images[:, 0],
        lambda images: images.reshape(3, 16),
        lambda images: images.astype(np.int64),
        lambda images: images.astype(np.float64),
        lambda images: pd.DataFrame(images.reshape(3, 16)),
        lambda images: pd.DataFrame(images.reshape(3, 16), columns=[f"pixel{k}" for k in range(16)]),
        lambda images: images.tolist(),
    ],
)
def test_every_form_of_images_gets_labels_and_probabilities(folders: Folders, shown: Callable[..., Any]) -> None:
    saved, model = served(folders, "plain")
    images = random_images(3, 1, 4, 4)
    expected = saved.probabilities(torch.from_numpy(images)).numpy()
    answer = model.predict(shown(images))
    assert np.array_equal(by_class(answer), expected)
    assert list(answer["label"]) == [PLAIN.classes[best] for best in expected.argmax(1)]


@pytest.mark.parametrize("name", ["plain", "wide"])
def test_one_image_is_a_batch_of_one(folders: Folders, name: str) -> None:
    model = served(folders, name)[1]
    image = random_images(*folders[name, 1][0].example.shape[1:])
    alone, batch = model.predict(image), model.predict(image[np.newaxis])
    assert len(alone) == 1 and alone.equals(batch)
    if name == "plain":
        assert model.predict(image[0]).equals(batch)


def test_no_image_gets_no_answer_and_a_large_batch_all(folders: Folders) -> None:
    saved, model = served(folders, "plain")
    assert model.predict(random_images(0, 4, 4)).empty
    images = random_images(2001, 1, 4, 4)
    answer = by_class(model.predict(images))
    assert np.array_equal(answer, saved.probabilities(torch.from_numpy(images)).numpy())


@pytest.mark.fault
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, 5, 4), dtype=np.uint8), r"shape \(2, 5, 4\)"),
        (np.zeros((2, 17), dtype=np.uint8), r"shape \(2, 17\)"),
        (np.zeros((), dtype=np.uint8), r"shape \(\)"),
        (np.zeros((2, 3, 4, 4), dtype=np.uint8), r"shape \(2, 3, 4, 4\)"),
        ([[1, 2], [3]], "not an array"),
        (np.full((1, 4, 4), 256), "whole numbers from 0 to 255"),
        (np.full((1, 4, 4), -1), "whole numbers from 0 to 255"),
        (np.full((1, 4, 4), 0.5), "whole numbers from 0 to 255"),
        (np.full((1, 4, 4), np.nan), "whole numbers from 0 to 255"),
        (np.full((1, 4, 4), "1"), "whole numbers from 0 to 255"),
    ],
)
def test_what_is_no_image_is_refused(folders: Folders, given: Any, message: str) -> None:
    with pytest.raises(MlflowException, match=message):
        served(folders, "plain")[1].predict(given)


def test_a_model_logged_before_its_answers_named_the_classes_is_loaded_beside_a_new_one(
    folders: Folders, tmp_path: Path
) -> None:
    """Each by the code that was logged with it, in one process."""
    new, earlier = folders["plain", 1][1], tmp_path / "earlier"
    shutil.copytree(new, earlier)
    code = (earlier / CODE).read_text().replace('"probabilities": named', '"probabilities": probabilities.tolist()')
    (earlier / CODE).unlink()
    (earlier / "code/served_classifier.py").write_text(code)
    described = (earlier / "MLmodel").read_text().replace("image_classifier", "served_classifier")
    (earlier / "MLmodel").write_text(described)
    images = random_images(2, 4, 4)
    answers = [mlflow.pyfunc.load_model(str(path)).predict(images) for path in (new, earlier, new)]
    assert answers[0].equals(answers[2])
    for named, unnamed in zip(answers[0]["probabilities"], answers[1]["probabilities"], strict=True):
        assert list(named) == list(PLAIN.classes) and list(named.values()) == unnamed


@pytest.mark.fault
def test_loading_refuses_a_graph_that_would_unpickle_code(folders: Folders, tmp_path: Path) -> None:
    """And leaves the process's own setting as it was."""
    copy = tmp_path / "model"
    shutil.copytree(folders["plain", 1][1], copy)
    mark = tmp_path / "ran"
    with zipfile.ZipFile(copy / "data/model.pt2") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(copy / "data/model.pt2", "w") as archive:
        for name, content in held.items():
            evil = name.endswith("sample_inputs/model.pt")
            archive.writestr(name, _payload(mark) if evil else content)
    with pytest.raises(MlflowException, match="not a pickle-free payload"):
        mlflow.pyfunc.load_model(str(copy))
    assert not mark.exists()
    assert "MLFLOW_ALLOW_PICKLE_DESERIALIZATION" not in os.environ


def _payload(mark: Path) -> bytes:
    class Touch:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    content = io.BytesIO()
    torch.save(Touch(), content)
    return content.getvalue()
