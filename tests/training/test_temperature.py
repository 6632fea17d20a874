"""Temperatures against closed forms, and what they leave alone."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.training.examples import Examples
from regbench.training.temperature import LARGEST, fit_temperature, scale_temperature


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0])
def test_it_finds_the_factor_by_which_logits_are_too_large(factor: float) -> None:
    random = np.random.default_rng(1)
    logits = 2 * random.standard_normal((20_000, 5))
    labels = np.array([random.choice(5, p=row) for row in softmax(logits, axis=1)])
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.03)


@pytest.mark.parametrize(("right", "size"), [(60, 2.0), (90, 5.0), (100, 1.0)])
def test_two_classes_and_one_size_of_logits_have_a_closed_form(right: int, size: float) -> None:
    """The confidence becomes the share of right answers, of labels of which 1 part in 101 is spread."""
    logits = np.tile([size, 0.0], (100, 1))
    labels = (np.arange(100) >= right).astype(np.int64)
    share = right / 100 * (1 - 1 / 101) + 0.5 / 101
    assert fit_temperature(logits, labels) == pytest.approx(size / np.log(share / (1 - share)), rel=1e-4)


def test_worse_than_chance_is_flattened_as_far_as_it_goes() -> None:
    logits = np.tile([1.0, 0.0], (50, 1))
    assert fit_temperature(logits, np.ones(50, dtype=np.int64)) == pytest.approx(LARGEST, rel=1e-3)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_network_keeps_its_answers_and_lowers_its_loss(batch_norm: bool) -> None:
    random = np.random.default_rng(2)
    pixels = random.integers(0, 256, (1, 200, 1, 8, 8), dtype=np.uint8)
    labels = torch.from_numpy(random.integers(0, 3, 200))
    network = Classifier(Architecture(("a", "b", "c"), 1, 8, 8, (7,), batch_norm), dropout=0.5, seed=1).eval()
    images, loss = torch.from_numpy(pixels[0]), torch.nn.functional.cross_entropy
    before = network.divide_logits(0.05)(images).detach()
    temperature = scale_temperature(network.train(), Examples(pixels, labels))
    after = network.eval()(images)
    torch.testing.assert_close(after, before / temperature)
    assert temperature > 1 and loss(after, labels) < loss(before, labels)
