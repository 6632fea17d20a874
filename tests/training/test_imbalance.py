"""Classes of unequal size: weights against PyTorch and scikit-learn, counts of samples, and what a rare class gains."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.runtime.randomness import generator
from regbench.training.examples import Examples
from regbench.training.fit import FitResult, fit
from regbench.training.imbalance import class_weights, cross_entropy, draw_rows
from regbench.training.regularization import mix_pairs
from regbench.training.step import TrainingStep

LABELS = torch.tensor([0] * 70 + [1] * 25 + [3] * 5)
"""Of four classes; class 2 has no images."""


def weights() -> torch.Tensor:
    found = class_weights("balanced", LABELS, 4)
    assert found is not None
    return found


def test_balanced_weights_are_scikit_learn_s_and_0_for_a_class_without_images() -> None:
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=LABELS.numpy())
    torch.testing.assert_close(weights()[[0, 1, 3]].double(), torch.from_numpy(expected))
    assert weights()[2] == 0
    assert float(weights()[LABELS].mean()) == pytest.approx(1)
    assert class_weights("none", LABELS, 4) is None
    assert torch.equal(torch.ones(4), class_weights("balanced", torch.arange(4).repeat(9), 4))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_weighted_loss_is_torch_s_cross_entropy_loss(smoothing: float) -> None:
    logits = torch.randn(100, 4, generator=torch.Generator().manual_seed(1))
    peer = nn.CrossEntropyLoss(weight=weights(), label_smoothing=smoothing)(logits, LABELS)
    assert torch.equal(cross_entropy(logits, LABELS, weights(), smoothing), peer)
    # Labels that are parts of classes, all in one class, are the same labels.
    parts = nn.functional.one_hot(LABELS, 4).float()
    torch.testing.assert_close(cross_entropy(logits, parts, weights(), smoothing), peer)
    # Equal weights are no weights.
    ones = cross_entropy(logits, parts, torch.full((4,), 2.5), smoothing)
    torch.testing.assert_close(ones, cross_entropy(logits, LABELS, None, smoothing))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_weighted_loss_of_mixed_labels_is_the_mixture_of_torch_s_losses(smoothing: float) -> None:
    logits = torch.randn(100, 4, generator=torch.Generator().manual_seed(1))
    random = generator(1, "mixup")
    part, partners = random.beta(0.5, 0.5), torch.from_numpy(random.permutation(100))
    _, mixed = mix_pairs(torch.zeros(100, 1), LABELS, 4, 0.5, generator(1, "mixup"))
    peer = nn.CrossEntropyLoss(weight=weights(), label_smoothing=smoothing)
    expected = part * peer(logits, LABELS) + (1 - part) * peer(logits, LABELS[partners])
    torch.testing.assert_close(cross_entropy(logits, mixed, weights(), smoothing), expected)


def test_the_weighted_loss_is_that_of_a_set_in_which_rare_images_are_repeated() -> None:
    labels, logits = torch.tensor([0, 0, 0, 1]), torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    repeated = torch.tensor([0, 1, 2, 3, 3, 3])
    found = cross_entropy(logits, labels, class_weights("balanced", labels, 2), 0)
    torch.testing.assert_close(found, nn.functional.cross_entropy(logits[repeated], labels[repeated]))


def test_a_balanced_epoch_has_as_many_rows_with_equal_shares_and_each_row_about_as_often() -> None:
    extra = np.zeros(4, int)
    for epoch in range(300):
        drawn = draw_rows("balanced", LABELS, generator(1, "sampling", epoch))
        assert len(drawn) == 100
        shares = torch.bincount(LABELS[drawn], minlength=4)
        assert sorted(shares.tolist()) == [0, 33, 33, 34]
        extra[int(shares.argmax())] += 1
        times = torch.bincount(drawn, minlength=100)
        for label in (0, 1, 3):
            found = times[label == LABELS]
            assert int(found.max() - found.min()) <= 1
    # Which class gets the row that is left over is chance: each in a third of the epochs.
    assert extra[2] == 0 and (np.abs(extra[[0, 1, 3]] - 100) < 5 * np.sqrt(300 * 2 / 9)).all()


def test_every_row_of_a_large_class_is_drawn_equally_often_over_the_epochs() -> None:
    drawn = torch.cat([draw_rows("balanced", LABELS, generator(1, "sampling", epoch)) for epoch in range(600)])
    times = torch.bincount(drawn, minlength=100).double()
    for label, count in ((0, 70), (1, 25), (3, 5)):
        found = times[label == LABELS] / 600 * count / (100 / 3)
        assert float((found - 1).abs().max()) < 0.25, "five standard deviations of the class that is drawn least"


def test_sampling_repeats_by_key_and_equal_classes_give_each_row_once() -> None:
    first, again, other = (draw_rows("balanced", LABELS, generator(1, "sampling", epoch)) for epoch in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first.sort().values, other.sort().values)
    equal = draw_rows("balanced", torch.arange(40) % 4, generator(1, "sampling"))
    assert sorted(equal.tolist()) == list(range(40))
    assert torch.equal(draw_rows("shuffled", LABELS, generator(1, "sampling")), torch.arange(100))


def overlapping(count: int, rare: float, seed: int) -> Examples:
    """Return images of 4 x 4 pixels; in the second class, a share of `rare`, the lower half is as a rule brighter."""
    random = np.random.default_rng(seed)
    labels = (np.arange(count) < rare * count).astype(np.int64)
    means = 110 + 40 * labels[:, None] * (np.arange(16) >= 8)
    pixels = random.normal(means, 40, (count, 16)).clip(0, 255).astype(np.uint8)
    return Examples(pixels.reshape(1, count, 1, 4, 4), torch.from_numpy(labels))


def train(strengths: dict[str, Any] | None = None, **settings: Any) -> tuple[Classifier, FitResult]:
    model = Classifier(Architecture(("a", "b", "c"), 1, 4, 4, hidden=(8,)), seed=1)
    data, chosen = overlapping(1000, 0.05, 1), Train(epochs=20, batch_size=32, learning_rate=1e-2, **settings)
    return model, fit(model, data, data, overlapping(200, 0.5, 2), chosen, Variant(recipe="p", **(strengths or {})), 1)


def recalls(model: Classifier) -> tuple[float, float]:
    """Return the recall of the common and of the rare class on new images."""
    test = overlapping(2000, 0.5, 3)
    right = model.eval()(torch.from_numpy(test.pixels[0])).argmax(1) == test.labels
    return float(right[test.labels == 0].double().mean()), float(right[test.labels == 1].double().mean())


@pytest.mark.parametrize("settings", [{"class_weights": "balanced"}, {"sampling": "balanced"}])
@pytest.mark.parametrize("strengths", [{}, {"mixup": 0.2, "label_smoothing": 0.1}])
def test_a_rare_class_is_recalled_more_often_with_either(settings: dict[str, Any], strengths: dict[str, Any]) -> None:
    """The third class has no train images at all, and must disturb nobody."""
    common, rare = recalls(train(strengths)[0])
    balanced_common, balanced_rare = recalls(train(strengths, **settings)[0])
    assert rare < 0.5 and common > 0.95
    assert balanced_rare > rare + 0.25 and balanced_common > 0.7
    assert balanced_common + balanced_rare > common + rare


def test_evaluation_is_not_weighted_and_the_loss_that_is_learnt_is() -> None:
    model = Classifier(Architecture(("a", "b"), 1, 4, 4, hidden=(8,)), seed=1)
    data = overlapping(50, 0.2, 1)
    still = Train(epochs=1, batch_size=50, learning_rate=1e-30, class_weights="balanced")
    record = fit(model, data, data, data, still, Variant(recipe="p"), 1).history[0]
    logits = model(torch.from_numpy(data.pixels[0])).detach()
    weight = class_weights("balanced", data.labels, 2)
    assert record.train_loss == pytest.approx(float(nn.CrossEntropyLoss(weight)(logits, data.labels)), rel=1e-6)
    plain = float(nn.CrossEntropyLoss()(logits, data.labels))
    assert record.validation_loss == pytest.approx(plain, rel=1e-6) and abs(record.train_loss - plain) > 1e-3


def test_off_leaves_the_call_of_torch_as_it_was() -> None:
    """`tests/training/test_step.py` compares whole trainings with a plain loop; here mixed labels are added."""
    step = TrainingStep(Classifier(Architecture(("a", "b"), 1, 4, 4, hidden=(8,))), Train(), Variant(recipe="p"), 1, 9)
    logits, parts = torch.randn(30, 2), torch.rand(30, 2).softmax(1)
    assert torch.equal(step.loss(logits, parts), nn.functional.cross_entropy(logits, parts))
