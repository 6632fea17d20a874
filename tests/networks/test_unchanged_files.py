"""Files of the perceptron are those of the versions before there were other networks, to the byte."""

from pathlib import Path

import pytest

from regbench.files import sha256
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import save_model

BEFORE = {
    "model.json": "090551136ad943cae482737d298eca7874c788843b299c922517c5b5ada8e85e",
    "model.safetensors": "a35cb27a34e285f8a1ebf1d68a115dbae878d79f0aa67e12f928a62c211139df",
}
"""SHA-256 of what commit bcea362 wrote."""


@pytest.mark.parametrize("name", BEFORE)
def test_a_seed_gives_the_same_files_as_ever(name: str, tmp_path: Path) -> None:
    architecture = Architecture(("no", "yes"), 3, 4, 5, (7, 6), batch_norm=True, whitening=True)
    save_model(tmp_path, Classifier(architecture, dropout=0.5, input_dropout=0.2, seed=3))
    assert sha256(tmp_path / name) == BEFORE[name]
