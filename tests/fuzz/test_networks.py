"""Whatever stands in a network's files: a network of finite weights, or one of our errors; nothing is unpickled."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from support.fuzzing import Tally, damaged, edited, limited

from regbench.errors import InputError, IntegrityError
from regbench.files import sha256
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import load_model, save_model
from regbench.networks.weights import load_weights

ARCHITECTURE = Architecture(("a", "b"), 1, 2, 2, (3,), batch_norm=True, whitening=True)
WORDS = (
    *(
        "0",
        "-1",
        "1e9",
        "100000",
        "1" * 30,
        "null",
        "true",
        "[]",
        "{}",
        '""',
        '"mlp"',
        '"cnn"',
        '"torchvision:resnet18"',
    ),
    *(
        '"torchvision:__init__"',
        '"networks.os:system"',
        '"a"',
        "NaN",
        "[[",
        '"hidden"',
        '"classes"',
        "0.5",
        '"\\u001b"',
    ),
)
IMAGES = torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2)
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool])


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(tmp_path, Classifier(ARCHITECTURE, seed=1))
    return tmp_path


def check(folder: Path) -> None:
    model = load_model(folder)
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    takes = model.architecture
    assert takes.inputs > 0 and len(takes.classes) > 0


def test_damaged_weights(saved: Path, tally: Tally) -> None:
    path = saved / "model.safetensors"
    whole = path.read_bytes()

    @given(content=damaged([whole]))
    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        tally.attempt(lambda: check(saved))

    try_one()


def test_edited_architecture(saved: Path, tally: Tally) -> None:
    path = saved / "model.json"
    text = path.read_text()

    @given(content=edited([text], WORDS))
    def try_one(content: str) -> None:
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        tally.attempt(lambda: check(saved))

    try_one()


@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": [100_000, 100_000]},
        {"hidden": [10**9] * 100},
        {"height": 10**9, "width": 10**9},
        {"classes": ["a"] * 100_000, "hidden": [100_000]},
        {"hidden": [3] * 100_000},
    ],
    ids=lambda fields: ",".join(fields),
)
def test_no_memory_is_taken_for_sizes_that_the_weights_do_not_have(saved: Path, fields: dict[str, Any]) -> None:
    path = saved / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    with limited(megabytes=100), pytest.raises(IntegrityError, match=r"model\.(json|safetensors): "):
        load_model(saved)


def tensors(names: list[str]) -> st.SearchStrategy[dict[str, torch.Tensor]]:
    shapes = st.lists(st.integers(0, 4), max_size=3)
    one = st.builds(lambda shape, dtype: torch.zeros(shape).to(dtype), shapes, DTYPES)
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=4), one, max_size=6)


def test_any_starting_weights(tmp_path: Path, tally: Tally) -> None:
    network = Classifier(ARCHITECTURE, seed=1)
    whole = network.state_dict()
    path = tmp_path / "start.safetensors"

    @given(changed=tensors([*whole, *network.layers.state_dict()]), of_layers=st.booleans())
    def try_one(changed: dict[str, torch.Tensor], of_layers: bool) -> None:
        path.write_bytes(save(({**network.layers.state_dict()} if of_layers else {**whole}) | changed))
        tally.attempt(lambda: load_weights(Classifier(ARCHITECTURE, seed=1), path, sha256(path)))

    try_one()


def test_damaged_starting_weights(tmp_path: Path, tally: Tally) -> None:
    """A `.pt` is a zip with a pickle in it: only tensors are read."""
    path = tmp_path / "start.pt"
    torch.save(Classifier(ARCHITECTURE, seed=1).layers.state_dict(), path)
    whole = path.read_bytes()

    @given(content=damaged([whole, pickle.dumps({"a": print}), pickle.dumps([1, 2])]))
    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        tally.attempt(lambda: load_weights(Classifier(ARCHITECTURE, seed=1), path, sha256(path)), (InputError,))

    try_one()
