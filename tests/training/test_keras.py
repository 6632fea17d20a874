"""Parity with Keras: the loss of every step from the same weights and batches, and where early stopping stops.

Keras runs in a process of its own (keras_reference.py), on PyTorch's backend. What differs on purpose is not compared:
batch normalization's running statistics (momentum 0.99 there, 0.9 here), which no training step reads.
"""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.training.early_stopping import BestEpoch
from regbench.training.regularization import penalty
from regbench.training.step import TrainingStep

STEPS, BATCH, RATE = 60, 8, 1e-3
TOLERANCE = 1e-5
"""Relative. A step differs by 1e-7, and carries the rounding of all before it; seeds ended at 4e-7 to 5e-6.

Network and batch are small on purpose: where a unit's input is 0 to rounding, its ReLU may be on in one library and off
in the other, and from then on they differ by 1e-3. One in a few million inputs is such a one.
"""
NETWORKS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "l1": {"l1": 1e-3},
    "l2": {"l2": 1e-3},
    "elastic net": {"l1": 1e-4, "l2": 1e-3},
    "batch norm": {"batch_norm": True},
    "weight decay": {"weight_decay": 0.5},
    "max-norm": {"max_norm": 1.1},
    "label smoothing": {"label_smoothing": 0.1},
}
ARCHITECTURE = Architecture(tuple("01234"), channels=1, height=12, width=12, hidden=(24, 16, 12))


def scripts() -> list[dict[str, Any]]:
    """Return scores with what is special about each of them, under every mode, patience and minimal change.

    Scores are multiples of 1/64, exact in float32: Keras compares in float32, and we in float64, so that it would call
    a tie what differs by less than a rounding.
    """
    random = np.random.default_rng(0)
    scores: list[list[float | None]] = [
        [0.25, 0.5, 0.5, 0.5, 0.5, 0.75],  # ties
        [0.75, 0.5, 0.25, 0.5, 0.5, 0.5, 0.125],
        [None, 0.5, 0.25, 0.75, 0.5, 0.5],  # NaN first: nothing is better than it, there as here
        [0.5, None, None, None, 0.75, 0.25],
        [-0.5, -0.25, -0.375, -0.75, -0.25, -1.0],
        [0.5, 0.5625, 0.625, 0.6875, 0.75, 0.8125],  # steps as large as the smallest that counts, and no larger
        [0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875],
    ]
    for _ in range(60):
        drawn = (random.integers(-64, 64, 12) / 64).tolist()
        scores.append([None if random.random() < 0.1 else score for score in drawn])
    choices = itertools.product(("min", "max"), (0, 1, 2, 3), (0.0, 0.0625, 0.25), scores)
    return [{"mode": m, "patience": p, "min_delta": d, "scores": s} for m, p, d, s in choices]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("keras")
    kernels = [kernel.detach().numpy() for kernel in Classifier(ARCHITECTURE, seed=0).kernels]
    networks = {
        name: {"strengths": strengths, "learning_rate": RATE, "layers": len(kernels)}
        for name, strengths in NETWORKS.items()
    }
    (folder / "cases.json").write_text(json.dumps({"networks": networks, "stops": scripts()}))
    inputs, labels = batches()
    arrays = {f"kernel{layer}": kernel for layer, kernel in enumerate(kernels)}
    np.savez(folder / "arrays.npz", inputs=inputs, labels=labels, **arrays)
    script = Path(__file__).parents[1] / "support" / "keras_reference.py"
    run = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads((folder / "answers.json").read_text())
    return found


def batches() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (steps, batch, pixels) in 0..1 around a picture for each class, and labels (steps, batch)."""
    random = np.random.default_rng(0)
    pictures = random.random((5, ARCHITECTURE.inputs))
    labels = random.integers(0, 5, (STEPS, BATCH))
    noise = random.random((STEPS, BATCH, ARCHITECTURE.inputs))
    return (0.3 * pictures[labels] + 0.7 * noise).astype(np.float32), labels


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_of_every_step_is_keras_s_to_float32_rounding(name: str, answers: dict[str, Any]) -> None:
    strengths = Variant(recipe="plain", **NETWORKS[name])
    architecture = Architecture(**{**vars(ARCHITECTURE), "batch_norm": strengths.batch_norm})
    model = Classifier(architecture, seed=0).train()
    step = TrainingStep(model, Train(learning_rate=RATE), strengths, 1, STEPS)
    step.begin_epoch(0)
    found = []
    for rows, labels in zip(*batches(), strict=True):
        inputs, targets = step.transform_batch(torch.from_numpy(rows), torch.from_numpy(labels))
        loss = step.loss(model.layers(inputs), targets)
        found.append(float(loss.detach()) + penalty(step.parameters.kernels, strengths.l1, strengths.l2))
        step.step(loss)
    assert len(found) == len(answers["losses"][name]) == STEPS
    np.testing.assert_allclose(found, answers["losses"][name], rtol=TOLERANCE)
    assert sum(found[-10:]) < 0.98 * sum(found[:10]), "something must be learnt, or agreement says nothing"


def test_the_strengths_change_keras_s_losses(answers: dict[str, Any]) -> None:
    """Otherwise agreement would not show that a strength means the same there."""
    for name in NETWORKS.keys() - {"baseline"}:
        differences = np.abs(np.subtract(answers["losses"][name], answers["losses"]["baseline"]))
        assert differences.max() > 1e-3, name


def test_early_stopping_stops_where_keras_does_with_the_same_best_epoch(answers: dict[str, Any]) -> None:
    stopped = 0
    for case, (epochs, best) in zip(scripts(), answers["stops"], strict=True):
        # Patience 0 is off here. In Keras it stops as patience 1 does, at the first epoch that is no better.
        follower = BestEpoch(case["mode"], case["patience"] or 1, case["min_delta"])
        found = None
        for epoch, score in enumerate(case["scores"]):
            follower.update(epoch, float("nan") if score is None else score)
            if follower.exhausted:
                found = epoch + 1
                break
        assert (found, follower.epoch) == (epochs, best), case
        stopped += found is not None
    assert 0 < stopped < len(scripts())


def test_patience_zero_never_stops_here() -> None:
    follower = BestEpoch("max", 0)
    for epoch in range(50):
        follower.update(epoch, 0.5)
        assert not follower.exhausted
