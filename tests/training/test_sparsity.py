"""Zeros, dead units and compressed bytes of networks whose zeros are known."""

import gzip
from pathlib import Path

import pytest
import torch

from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import save_model
from regbench.training.sparsity import compressed_bytes, dead_units, zero_weights

WIDE = Architecture(("no", "yes"), channels=1, height=8, width=8, hidden=(60, 50))


@pytest.fixture
def model() -> Classifier:
    return Classifier(WIDE, seed=1)


def test_a_fresh_network_has_neither_zeros_nor_dead_units(model: Classifier) -> None:
    assert zero_weights(model) == dead_units(model) == 0


@torch.no_grad()
def test_units_without_incoming_or_outgoing_weights_are_dead_once(model: Classifier) -> None:
    first, second, output = model.kernels
    first[3] = 0  # nothing comes in
    second[:, 4] = 0  # nothing goes out
    first[5], second[:, 5] = 0, 0  # both: one unit
    output[:, 7] = 0  # a unit of the last hidden layer
    output[0] = 0  # an output is no hidden unit
    first[8, 1:] = 0  # one weight is left
    assert dead_units(model) == 4
    zeros = int((first == 0).sum() + (second == 0).sum())
    assert zeros == 2 * 64 + 63 + 2 * 50
    assert zero_weights(model) == zeros / (60 * 64 + 50 * 60)


@torch.no_grad()
def test_zeros_compress_and_others_hardly(model: Classifier, tmp_path: Path) -> None:
    save_model(tmp_path / "dense", model)
    for kernel in model.hidden_kernels:
        kernel[torch.rand(kernel.shape, generator=torch.Generator().manual_seed(1)) < 0.9] = 0
    save_model(tmp_path / "sparse", model)
    dense, sparse = (tmp_path / name / "model.safetensors" for name in ("dense", "sparse"))
    assert 0.85 * dense.stat().st_size < compressed_bytes(dense) < dense.stat().st_size
    assert compressed_bytes(sparse) < 0.3 * compressed_bytes(dense)
    for path in (dense, sparse):
        assert compressed_bytes(path) == pytest.approx(len(gzip.compress(path.read_bytes(), 9)), rel=0.1)
