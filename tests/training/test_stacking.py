"""The stacking regression: weights recovered on made data, scores from folds alone, and data that are too few."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from regbench.errors import InputError
from regbench.training.stacking import FOLDS, STRENGTHS, fit_stack


def answers(random: np.random.Generator, networks: int, images: int, classes: int) -> torch.Tensor:
    """Return made-up probabilities of networks."""
    return torch.from_numpy(random.dirichlet(np.full(classes, 0.7), (networks, images))).float()


def draw(random: np.random.Generator, logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a label an image, drawn with these log-odds."""
    return (logits + random.gumbel(size=logits.shape)).argmax(1)


@pytest.mark.parametrize("classes", [2, 3])
def test_recovers_the_weights_that_made_the_labels(classes: int) -> None:
    random = np.random.default_rng(0)
    probabilities = answers(random, 2, 40_000, classes)
    # The first network is trusted more than the second one; a third of its trust goes against the second's first class.
    truth = np.concatenate([4 * np.eye(classes), 1.5 * np.eye(classes)], axis=1)
    truth[0, classes] = -1
    labels = draw(random, probabilities.double().movedim(0, 1).flatten(1).numpy() @ truth.T)
    stack, held_out = fit_stack(probabilities, labels, "abc"[:classes])
    # A network's probabilities sum to 1, and so do the classes': only differences of differences are determined.
    found = stack.linear.weight.detach().double().numpy().reshape(classes, 2, classes)
    expected = truth.reshape(classes, 2, classes)
    centred = [
        w - w.mean(0, keepdims=True) - w.mean(2, keepdims=True) + w.mean((0, 2))[None, :, None]
        for w in (found, expected)
    ]
    np.testing.assert_allclose(centred[0], centred[1], atol=0.15)
    assert held_out.shape == (40_000, classes)
    torch.testing.assert_close(held_out.exp().sum(1), torch.ones(40_000, dtype=torch.float64))


def test_a_network_that_knows_nothing_gets_no_weight() -> None:
    random = np.random.default_rng(1)
    probabilities = answers(random, 2, 20_000, 3)
    labels = draw(random, 5 * probabilities[0].double().numpy())
    weight = fit_stack(probabilities, labels, "abc")[0].linear.weight.detach().reshape(3, 2, 3)
    centred = weight - weight.mean(0, keepdim=True)
    assert centred[:, 1].abs().max() < 0.1 < 1 < centred[:, 0].abs().max()


def test_scores_come_from_folds_that_were_not_fitted_on_the_image() -> None:
    random = np.random.default_rng(2)
    probabilities = answers(random, 2, 200, 3)
    labels = draw(random, 3 * probabilities[0].double().numpy())
    inputs = probabilities.double().movedim(0, 1).flatten(1).numpy()
    expected = {}
    for strength in STRENGTHS:
        expected[strength] = np.empty((200, 3))
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(inputs, labels):
            model = LogisticRegression(C=strength, max_iter=2000, tol=1e-6).fit(inputs[train], labels[train])
            expected[strength][test] = model.predict_proba(inputs[test])
    best = min(STRENGTHS, key=lambda strength: log_loss(labels, expected[strength]))
    stack, held_out = fit_stack(probabilities, labels, "abc")
    np.testing.assert_allclose(held_out.exp().numpy(), expected[best], atol=1e-6)
    whole = LogisticRegression(C=best, max_iter=2000, tol=1e-6).fit(inputs, labels)
    with torch.no_grad():
        np.testing.assert_allclose(stack(probabilities).softmax(1).numpy(), whole.predict_proba(inputs), atol=1e-5)


def test_pure_chance_is_penalised_away() -> None:
    random = np.random.default_rng(3)
    probabilities, labels = answers(random, 3, 300, 4), np.arange(300) % 4
    stack, held_out = fit_stack(probabilities, labels, "abcd")
    with torch.no_grad():
        assert (stack(probabilities).softmax(1) - 0.25).abs().max() < 0.05
    assert -held_out[np.arange(300), labels].mean() == pytest.approx(np.log(4), abs=0.02)


def test_a_class_of_too_few_images_is_refused() -> None:
    labels = np.array([0] * 20 + [1] * 4)
    with pytest.raises(InputError, match=r"class 'no' has 4 validation images: stacking needs 5 of each class"):
        fit_stack(torch.full((2, 24, 2), 0.5), labels, ("yes", "no"))
