"""Bootstrap samples: their counts, and training on one is training on the images that it holds."""

from typing import Any

import numpy as np
import pytest
import torch

from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.training.bootstrap import bootstrap_rows
from regbench.training.examples import Examples
from regbench.training.fit import FitResult, fit

ARCHITECTURE = Architecture(classes=("a", "b", "c"), channels=1, height=4, width=4, hidden=(12, 10))


def examples(count: int, seed: int = 0) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (2, count, 1, 4, 4), dtype=np.uint8)
    return Examples(pixels, torch.from_numpy(pixels[0].reshape(count, 16)[:, :3].argmax(1)))


def train(data: Examples, settings: dict[str, Any], rows: torch.Tensor | None) -> FitResult:
    model = Classifier(ARCHITECTURE, 0.2, 0, seed=1)
    chosen = Train.model_validate({"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, **settings})
    return fit(model, data, examples(60), examples(60, 9), chosen, Variant(recipe="plain"), 1, rows=rows)


def test_counts_add_up_repeat_by_seed_and_follow_the_binomial_distribution() -> None:
    counts = np.stack([np.bincount(bootstrap_rows(1000, seed), minlength=1000) for seed in range(200)])
    assert counts.shape == (200, 1000) and (counts.sum(1) == 1000).all()
    assert torch.equal(bootstrap_rows(1000, 7), bootstrap_rows(1000, 7))
    assert not torch.equal(bootstrap_rows(1000, 7), bootstrap_rows(1000, 8))
    # A count is binomial(1000, 1/1000): none with 0.3677, one with 0.3681, variance 0.999; 200,000 of them.
    assert (counts == 0).mean() == pytest.approx(0.3677, abs=0.004)
    assert (counts == 1).mean() == pytest.approx(0.3681, abs=0.004)
    assert counts.var() == pytest.approx(0.999, abs=0.02)
    # No row is drawn more often than others: the total of a row is binomial(200,000, 1/1000).
    assert np.abs(counts.sum(0) - 200).max() < 6 * np.sqrt(200)


@pytest.mark.parametrize("settings", [{}, {"class_weights": "balanced"}, {"sampling": "balanced"}])
def test_training_on_one_is_training_on_its_images(settings: dict[str, Any]) -> None:
    data, rows = examples(120), bootstrap_rows(120, 3)
    assert train(data, settings, rows).history == train(data.chosen(rows.numpy()), settings, None).history


def test_all_rows_are_no_sample() -> None:
    data = examples(120)
    assert train(data, {}, torch.arange(120)).history == train(data, {}, None).history
