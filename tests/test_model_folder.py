"""The folder of a logged model: the graph is traced once an architecture, the weights are each model's own."""

from pathlib import Path

import mlflow.pytorch
import numpy as np
import pytest
import torch
from mlflow.models import Model

from regbench.model import Architecture, Perceptron, load_model, save_model
from regbench.tracking.model_folder import ModelFolders
from regbench.tracking.run_record import Network

PLAIN = Architecture(("a", "b", "c"), 1, 4, 4, (8, 6))
ARCHITECTURES = {
    "plain": PLAIN,
    "batch_norm": Architecture(("a", "b", "c"), 1, 4, 4, (8, 6), batch_norm=True),
    "whitening": Architecture(("a", "b", "c"), 1, 4, 4, (8, 6), whitening=True),
    "wide": Architecture(("a", "b"), 3, 4, 5, (9,), batch_norm=True),
}


def save_random(folder: Path, architecture: Architecture, seed: int) -> Network:
    """Save a network all of whose tensors, buffers too, are random, and whose dropout is on while it trains."""
    random = torch.Generator().manual_seed(seed)
    model = Perceptron(architecture, dropout=0.1 * seed, input_dropout=0.1 * seed)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.1)
    save_model(folder, model)
    shape = (2, architecture.channels, architecture.height, architecture.width)
    return Network(folder, 0, np.zeros(shape, dtype=np.uint8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], tuple[Network, Path]]:
    """Two models of each architecture, written in turns."""
    top, writer = tmp_path_factory.mktemp("folders"), ModelFolders()
    written = {}
    for seed in (1, 2):
        for name, architecture in ARCHITECTURES.items():
            network = save_random(top / f"saved-{name}-{seed}", architecture, seed)
            path = top / f"logged-{name}-{seed}"
            writer.write(path, network, f"run {seed}", f"m-{name}", "place")
            written[name, seed] = (network, path)
    return written


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_graph_answers_as_the_saved_network_to_the_last_bit(
    folders: dict[tuple[str, int], tuple[Network, Path]], name: str, seed: int, monkeypatch: pytest.MonkeyPatch
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


def test_folder_names_its_own_run_and_model(folders: dict[tuple[str, int], tuple[Network, Path]]) -> None:
    described = {key: Model.load(str(path)) for key, (_, path) in folders.items()}
    assert [described["plain", seed].run_id for seed in (1, 2)] == ["run 1", "run 2"]
    assert described["wide", 2].model_id == "m-wide"
    assert described["plain", 1].artifact_path == "place"
    assert described["wide", 1].signature.inputs.inputs[0].shape == (-1, 3, 4, 5)
    assert len({model.model_uuid for model in described.values()}) == len(folders)


def test_folder_holds_no_pickled_module(folders: dict[tuple[str, int], tuple[Network, Path]]) -> None:
    expected = {"MLmodel", "conda.yaml", "data/model.pt2", "input_example.json", "python_env.yaml", "requirements.txt"}
    for _, path in folders.values():
        files = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
        assert files == expected | {"serving_input_example.json"}
