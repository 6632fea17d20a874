"""Parity with Keras: the loss of every step from the same weights and batches, and where early stopping stops.

Keras runs in a process of its own (keras_reference.py), on PyTorch's backend. What differs on purpose: the momentum of
batch normalization's running statistics is 0.9 here, as it is made there, and PyTorch's variance is the unbiased one.
No training step reads them.
"""

import itertools
import json
import subprocess
import sys
from dataclasses import replace
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

STEPS, BATCH, RATE, NO_RATE = 60, 8, 1e-3, 1e-30
PRECISION = {"mlp": torch.float32, "cnn": torch.float64}
TOLERANCE = 1e-5
"""Relative. In float32 a step differs by 1e-7, and carries the rounding of all before it; seeds ended at 4e-7 to 5e-6.

Where a unit's input is 0 to rounding, its ReLU may be on in one library and off in the other, and from then on they
differ by 1e-3; so may two pixels of a pooling that are equal to rounding. One in a few million numbers is such a one:
the perceptron and its batches are small on purpose, and the convolutional network computes in float64. There most
losses agree to 1e-8, those with batch normalization or max-norm, of which Keras keeps constants in float32, to 2e-6.
"""
SIGNAL = {"mlp": 0.3, "cnn": 0.6}
"""Part of an image that is its class's picture."""
STRENGTHS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "l1": {"l1": 1e-3},
    "l2": {"l2": 1e-3},
    "elastic net": {"l1": 1e-4, "l2": 1e-3},
    "batch norm": {"batch_norm": True},
    "weight decay": {"weight_decay": 0.5},
    "max-norm": {"max_norm": 0.8},
    "label smoothing": {"label_smoothing": 0.1},
}
CLASSES = tuple("01234")
ARCHITECTURES = {
    "mlp": Architecture(CLASSES, channels=1, height=12, width=12, hidden=(24, 16, 12)),
    "cnn": Architecture(CLASSES, channels=1, height=10, width=10, network="cnn"),
}
CASES = list(itertools.product(ARCHITECTURES, STRENGTHS))


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
    arrays, networks = {}, {}
    for network, architecture in ARCHITECTURES.items():
        images, labels = batches(network)
        kernels = keras_kernels(Classifier(architecture, seed=0))
        arrays |= {f"{network}.kernel{layer}": kernel for layer, kernel in enumerate(kernels)}
        flat = network == "mlp"
        arrays[f"{network}.inputs"] = images.reshape(STEPS, BATCH, -1) if flat else np.moveaxis(images, 2, -1)
        arrays[f"{network}.labels"] = labels
        networks |= {
            f"{network} {name}": {
                "strengths": STRENGTHS.get(name, STRENGTHS["batch norm"]),
                "precision": str(PRECISION[network]).removeprefix("torch."),
                "learning_rate": RATE if name in STRENGTHS else NO_RATE,
                "layers": len(kernels),
                "arrays": network,
            }
            for name in (*STRENGTHS, "still")
        }
    (folder / "cases.json").write_text(json.dumps({"networks": networks, "stops": scripts()}))
    np.savez(folder / "arrays.npz", **arrays)
    script = Path(__file__).parents[1] / "support" / "keras_reference.py"
    run = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads((folder / "answers.json").read_text())
    return found


def keras_kernels(model: Classifier) -> list[np.ndarray]:
    """Return the kernels; behind a convolution Keras flattens pixel by pixel, PyTorch filter by filter."""
    kernels = [kernel.detach().numpy() for kernel in model.kernels]
    if kernels[-2].ndim == 4:
        outputs, filters = len(kernels[-1]), len(kernels[-2])
        kernels[-1] = kernels[-1].reshape(outputs, filters, -1).swapaxes(1, 2).reshape(outputs, -1)
    return kernels


def batches(network: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images (steps, batch, 1, H, W) in 0..1 around a picture for each class, and labels (steps, batch)."""
    architecture, random = ARCHITECTURES[network], np.random.default_rng(0)
    pictures = random.random((5, architecture.inputs))
    labels = random.integers(0, 5, (STEPS, BATCH))
    noise = random.random((STEPS, BATCH, architecture.inputs))
    part = SIGNAL[network]
    rows = (part * pictures[labels] + (1 - part) * noise).astype(np.float32)
    return rows.reshape(STEPS, BATCH, 1, architecture.height, architecture.width), labels


def learn(network: str, strengths: Variant, rate: float = RATE) -> tuple[Classifier, list[float]]:
    """Return a network after all steps, and the loss with penalties of each, before it is taken."""
    model = Classifier(replace(ARCHITECTURES[network], batch_norm=strengths.batch_norm), seed=0).train()
    step = TrainingStep(model.to(PRECISION[network]), Train(learning_rate=rate), strengths, 1, STEPS)
    step.begin_epoch(0)
    found = []
    for images, labels in zip(*batches(network), strict=True):
        inputs, targets = step.transform_batch(torch.from_numpy(images), torch.from_numpy(labels))
        loss = step.loss(model.logits(inputs.to(PRECISION[network])), targets)
        found.append(float(loss.detach()) + penalty(step.parameters.kernels, strengths.l1, strengths.l2))
        step.step(loss)
    return model, found


@pytest.mark.parametrize(("network", "name"), CASES)
def test_the_loss_of_every_step_is_keras_s_to_float32_rounding(
    network: str, name: str, answers: dict[str, Any]
) -> None:
    _, found = learn(network, Variant(recipe="plain", **STRENGTHS[name]))
    expected = answers["networks"][f"{network} {name}"]["losses"]
    assert len(found) == len(expected) == STEPS
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE)
    assert sum(found[-10:]) < 0.98 * sum(found[:10]), "something must be learnt, or agreement says nothing"


@pytest.mark.parametrize("network", ARCHITECTURES)
def test_the_strengths_change_keras_s_losses(network: str, answers: dict[str, Any]) -> None:
    """Otherwise agreement would not show that a strength means the same there."""
    losses = {name: answers["networks"][f"{network} {name}"]["losses"] for name in STRENGTHS}
    for name in STRENGTHS.keys() - {"baseline"}:
        assert np.abs(np.subtract(losses[name], losses["baseline"])).max() > 1e-3, name


@pytest.mark.parametrize("network", ARCHITECTURES)
def test_batch_norm_s_statistics_and_evaluation_are_keras_s(network: str, answers: dict[str, Any]) -> None:
    """Of weights that stay: a bias before batch normalization gets gradients of rounding alone, which Adam enlarges."""
    model, _ = learn(network, Variant(recipe="plain", batch_norm=True), NO_RATE)
    expected, kind = answers["networks"][f"{network} still"], PRECISION[network]
    images, labels = batches(network)
    places = {"mlp": [1, 1, 1], "cnn": [8 * 8, 2 * 2]}[network]
    norms = [layer for layer in model.layers if hasattr(layer, "running_mean")]
    for layer, (mean, variance), pixels in zip(norms, expected["statistics"], places, strict=True):
        torch.testing.assert_close(layer.running_mean, torch.tensor(mean, dtype=kind), rtol=1e-5, atol=1e-6)
        # Both began at 1. PyTorch divides by one number less than a batch has of each unit.
        count, start = BATCH * pixels, 0.9**STEPS
        unbiased = start + (torch.tensor(variance, dtype=kind) - start) * count / (count - 1)
        torch.testing.assert_close(layer.running_var, unbiased, rtol=1e-5, atol=1e-6)
        layer.running_var.copy_(torch.tensor(variance))
    with torch.no_grad():
        logits = model.eval().logits(torch.from_numpy(images[0]).to(kind))
    found = float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[0])))
    assert found == pytest.approx(expected["evaluated"], rel=1e-5)


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
