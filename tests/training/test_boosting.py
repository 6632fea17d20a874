"""SAMME against scikit-learn's AdaBoostClassifier, and weights of images in the loss against copies of images."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from regbench.networks.combination import Votes
from regbench.training.boosting import read_vote, read_weights, weigh_images
from regbench.training.imbalance import cross_entropy, weighted_cross_entropy


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_errors_votes_weights_and_answers_are_scikit_learn_s(classes: int) -> None:
    images, labels = make_classification(400, n_informative=6, n_classes=classes, random_state=1)
    peer = AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=8, random_state=0).fit(images, labels)
    weights = np.full(400, 1 / 400)
    answers, votes = [], []
    for number, (tree, error, vote) in enumerate(
        zip(peer.estimators_, peer.estimator_errors_, peer.estimator_weights_, strict=True)
    ):
        # The same network sees the same weights: scikit-learn keys its trees by random numbers of its own.
        own = DecisionTreeClassifier(max_depth=2, random_state=tree.random_state)
        own.fit(images, labels, sample_weight=weights)
        predicted = own.predict(images)
        assert (predicted == tree.predict(images)).all()
        found = weigh_images(predicted != labels, weights, classes, first=number == 0)
        assert found.weights is not None
        assert (found.error, found.vote) == (pytest.approx(error, rel=1e-9), pytest.approx(vote, rel=1e-9))
        weights = found.weights
        answers.append(np.eye(classes)[predicted])
        votes.append(found.vote)
    assert len(votes) == 8 and weights.sum() == pytest.approx(1)
    logits = Votes(votes)(torch.from_numpy(np.stack(answers)).float())
    assert (logits.argmax(1).numpy() == peer.predict(images)).all()


def test_the_next_network_starts_from_even_odds() -> None:
    """What the latest network gets wrong weighs (K - 1) / K of all: it is no better than chance there."""
    wrong = np.arange(90) < 9
    found = weigh_images(wrong, np.full(90, 1 / 90), 4, first=True)
    assert found.error == pytest.approx(0.1) and found.vote == pytest.approx(np.log(9) + np.log(3))
    assert found.weights is not None and found.weights[wrong].sum() == pytest.approx(3 / 4)


@pytest.mark.parametrize(("wrong", "first", "vote"), [(0, True, 1), (0, False, 1), (61, True, 1), (61, False, 0)])
def test_a_perfect_network_and_one_of_chance_end_it(wrong: int, first: bool, vote: float, tmp_path: Path) -> None:
    found = weigh_images(np.arange(90) < wrong, np.full(90, 1 / 90), 3, first)
    assert (found.weights, found.vote) == (None, vote)
    found.write(tmp_path)
    assert (read_weights(tmp_path), read_vote(tmp_path)) == (None, vote)


def test_many_rounds_keep_weights_finite() -> None:
    weights = np.full(50, 1 / 50)
    for number in range(400):
        found = weigh_images(np.arange(50) == number % 2, weights, 2, first=False)
        if found.weights is None:
            break
        weights = found.weights
        assert np.isfinite(weights).all() and weights.sum() == pytest.approx(1)


def test_a_weight_counts_as_copies_of_the_image() -> None:
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 1])
    copies = torch.tensor([0, 0, 0, 1, 3, 3])
    weights = torch.tensor([3.0, 1.0, 0.0, 2.0])
    found = weighted_cross_entropy(logits, labels, weights, 0.1)
    expected = F.cross_entropy(logits[copies], labels[copies], reduction="sum", label_smoothing=0.1) / 4
    torch.testing.assert_close(found, expected)
    even = weighted_cross_entropy(logits, labels, torch.ones(4), 0)
    torch.testing.assert_close(even, cross_entropy(logits, labels, None, 0))
