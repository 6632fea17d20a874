"""Scores: closed forms and agreement with scikit-learn; what evaluate writes can be recomputed from predictions."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, log_loss

from regbench.config.evaluation import Evaluate
from regbench.statistics.calibration import calibration_error
from regbench.statistics.scores import HARDEST, confusion, headline, misclassified, score

RESULT = {
    "seed": 3,
    "train_accuracy": 0.9,
    "validation_accuracy": 0.8,
    "zero_weights": 0.0,
    "dead_units": 0,
    "compressed_bytes": 5_200_000,
    "temperature": 1.0,
    "parameters": 10,
    "epochs": 4,
    "best_epoch": 2,
}


def draw(runs: int, images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(classes), size=(runs, images)).astype(np.float32)
    return probabilities, random.integers(0, classes, images)


def test_scores_agree_with_scikit_learn() -> None:
    probabilities, labels = draw(1, 500, 4)
    found = score(probabilities[0], labels, RESULT, Evaluate())
    predicted = probabilities[0].argmax(1)
    assert found["accuracy"] == (predicted == labels).mean()
    assert found["error_percent"] == pytest.approx(100 * (predicted != labels).mean())
    exact = probabilities[0].astype(float) / probabilities[0].astype(float).sum(1, keepdims=True)
    assert found["log_loss"] == pytest.approx(log_loss(labels, exact))
    assert found["log_loss"] == pytest.approx(-np.log(exact[np.arange(500), labels]).mean())
    assert found["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert found["gap"] == pytest.approx(0.9 - found["accuracy"])


def test_a_class_without_images_does_not_lower_f1() -> None:
    """Of a perfect network, F1 is 1, whichever classes the images are of."""
    labels = np.array([0, 0, 2, 1])
    assert score(np.eye(4, dtype=np.float32)[labels], labels, RESULT, Evaluate())["macro_f1"] == 1


def test_confusion_agrees_with_scikit_learn_for_each_seed() -> None:
    probabilities, labels = draw(3, 200, 5)
    counts = confusion(probabilities.argmax(2), labels, 5)
    for row, run in zip(counts, probabilities, strict=True):
        assert np.array_equal(row, confusion_matrix(labels, run.argmax(1), labels=range(5)))


def test_calibration_error_by_hand() -> None:
    # Two bins of width one half: confidences 0.6 and 0.8 (one right), then 1.0 (right).
    probabilities = np.array([[0.6, 0.4], [0.8, 0.2], [0.0, 1.0]], dtype=np.float32)
    labels = np.array([0, 1, 1])
    assert calibration_error(probabilities, labels, 2) == pytest.approx(abs(0.6 + 0.8 + 1.0 - 2) / 3)
    # Ten bins: each image is alone.
    assert calibration_error(probabilities, labels, 10) == pytest.approx((0.4 + 0.8 + 0) / 3, abs=1e-6)


def test_calibration_error_is_zero_for_a_calibrated_and_one_for_a_surely_wrong_model() -> None:
    labels = np.array([0, 0, 0, 1])
    assert calibration_error(np.full((4, 2), [0.75, 0.25], np.float32), labels, 15) == pytest.approx(0)
    assert calibration_error(np.eye(2, dtype=np.float32)[1 - labels], labels, 15) == 1
    assert np.isnan(calibration_error(np.zeros((0, 2), np.float32), np.zeros(0, int), 15))


def test_each_evaluate_parameter_changes_a_number() -> None:
    probabilities, labels = draw(3, 300, 4)
    labels = np.where(np.arange(300) % 2, probabilities[0].argmax(1), labels)
    fine, coarse = (calibration_error(probabilities[0], labels, bins) for bins in (15, 3))
    assert fine != coarse
    import pandas as pd

    scores = pd.DataFrame([score(run, labels, RESULT, Evaluate()) for run in probabilities])
    wide, narrow = (headline(probabilities, labels, scores, Evaluate(confidence=c)) for c in (0.99, 0.8))
    assert wide["low"] < narrow["low"] < narrow["test_error"] == wide["test_error"] < narrow["high"] < wide["high"]


def test_misclassified_lists_what_most_seeds_get_wrong_surest_first() -> None:
    labels = np.zeros(4, dtype=int)
    right, unsure, sure = [0.9, 0.1], [0.4, 0.6], [0.1, 0.9]
    probabilities = np.array([[right, unsure, sure, sure], [right, unsure, sure, right]], dtype=np.float32)
    rows, table = misclassified(probabilities, labels)
    assert rows.tolist() == [2, 1, 3]
    assert table["seeds_wrong"].tolist() == [2, 2, 1]
    assert table["predicted"].tolist() == [1, 1, 1]
    assert table["confidence"].tolist() == pytest.approx([0.9, 0.6, 0.5])


def test_misclassified_is_empty_for_a_perfect_model_and_bounded_for_a_bad_one() -> None:
    labels = np.arange(100) % 2
    perfect = np.eye(2, dtype=np.float32)[labels][None]
    assert len(misclassified(perfect, labels)[0]) == 0
    assert len(misclassified(1 - perfect, labels)[0]) == HARDEST
