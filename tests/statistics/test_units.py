"""Weighted images and groups as units: the mean is the score that is asked for, and groups are what is sampled."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from regbench.config.retraining import Gate
from regbench.retraining.decision import Predictions, decide
from regbench.statistics.comparison import compare_pairs
from regbench.statistics.intervals import accuracy_interval
from regbench.statistics.units import Units
from regbench.statistics.verdicts import judge

RANDOM = np.random.default_rng(3)
LABELS = RANDOM.choice(4, 300, p=[0.7, 0.2, 0.08, 0.02])
CORRECT = RANDOM.random((5, 300)) < 0.8
GROUPS = [f"p{number}" for number in RANDOM.integers(0, 30, 280)] + [""] * 20


def test_images_that_count_alike_are_their_own_units() -> None:
    units = Units.of(LABELS)
    assert len(units) == 300
    np.testing.assert_array_equal(units.cells(CORRECT), CORRECT.astype(float))
    np.testing.assert_array_equal(units.cells(CORRECT), Units.of(LABELS, [""] * 300).cells(CORRECT))


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_the_mean_of_balanced_units_is_scikit_learn_s_balanced_accuracy(groups: list[str] | None) -> None:
    predicted = np.where(CORRECT, LABELS, (LABELS + 1) % 4)
    cells = Units.of(LABELS, groups, "balanced_error").cells(CORRECT)
    expected = [balanced_accuracy_score(LABELS, row) for row in predicted]
    np.testing.assert_allclose(cells.mean(1), expected, rtol=1e-12)


def test_groups_are_units_and_keep_the_mean() -> None:
    units = Units.of(LABELS, GROUPS)
    assert len(units) == len(set(GROUPS) - {""}) + 20
    cells = units.cells(CORRECT)
    np.testing.assert_allclose(cells.mean(1), CORRECT.mean(1), rtol=1e-12)
    first = [number for number, group in enumerate(GROUPS) if group == GROUPS[0]]
    np.testing.assert_allclose(cells[:, 0], CORRECT[:, first].sum(1) * len(units) / 300)


def test_copies_of_images_in_a_group_do_not_narrow_an_interval() -> None:
    """Ten copies of each image as a group say what the images alone say; as images they claim ten times as much."""
    copied, groups = np.tile(CORRECT, 10), [f"g{number}" for number in range(300)] * 10
    labels = np.tile(LABELS, 10)
    alone = accuracy_interval(CORRECT, 0.95)
    grouped = accuracy_interval(Units.of(labels, groups).cells(copied), 0.95)
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high), rel=1e-9)
    one, naive = (accuracy_interval(cells[:1], 0.95) for cells in (CORRECT, copied))
    assert naive.high - naive.low < 0.4 * (one.high - one.low)


def test_verdicts_of_copies_are_those_of_the_images() -> None:
    scores = {"baseline": CORRECT, "x": CORRECT | (RANDOM.random((5, 300)) < 0.3)}
    one = judge(scores, LABELS, "baseline", {"baseline": 0, "x": 1}).standings["x"].to_baseline
    copied = {name: np.tile(cells, 4) for name, cells in scores.items()}
    units = Units.of(np.tile(LABELS, 4), [f"g{number}" for number in range(300)] * 4)
    found = (
        judge(copied, np.tile(LABELS, 4), "baseline", {"baseline": 0, "x": 1}, units=units).standings["x"].to_baseline
    )
    assert one is not None and found is not None and found.verdict == one.verdict == "better"
    assert found.difference.low == pytest.approx(one.difference.low, rel=1e-6)


def test_a_variant_that_gives_up_a_small_class_is_worse_by_balanced_error_alone() -> None:
    labels = np.repeat([0, 1], [950, 50])
    noise = RANDOM.random((6, 1000))
    baseline = noise < 0.9
    greedy = np.where(labels == 0, noise < 0.97, noise < 0.3)
    scores = {"baseline": baseline, "greedy": greedy}
    complexity = dict.fromkeys(scores, 0)
    by_error = judge(scores, labels, "baseline", complexity).standings["greedy"].to_baseline
    units = Units.of(labels, score="balanced_error")
    balanced = judge(scores, labels, "baseline", complexity, units=units).standings["greedy"].to_baseline
    assert by_error is not None and balanced is not None
    assert (by_error.verdict, balanced.verdict) == ("better", "worse")


@pytest.mark.parametrize("score", ["error", "balanced_error"])
def test_false_positives_with_groups_stay_at_the_level(score: str) -> None:
    """600 nulls: images of a group are hard together, under both variants in other ways."""
    random = np.random.default_rng(0)
    wrong = 0
    groups = np.repeat([f"g{number}" for number in range(40)], 10)
    labels = np.tile([0, 0, 0, 1, 0, 0, 2, 0, 0, 0], 40)
    units = Units.of(labels, groups, score)  # type: ignore[arg-type]
    for _ in range(600):
        cells = []
        for _ in range(2):
            hard = np.repeat(random.normal(0, 1.0, 40), 10)
            cells.append(hard + random.normal(0, 1, 400) + random.normal(0, 1, (5, 400)) > -1.5)
        scores = {name: units.cells(matrix) for name, matrix in zip("ab", cells, strict=True)}
        wrong += compare_pairs(scores, [("a", "b")], 0.95)[0].verdict in ("better", "worse")
    assert wrong <= 600 * 0.05 + 3 * (600 * 0.05 * 0.95) ** 0.5


def test_the_gate_takes_groups_for_what_was_sampled() -> None:
    """Ten copies of each image: alone they promote, as groups they do not."""
    random = np.random.default_rng(1)
    labels = np.zeros(60, dtype=np.int64)
    answers = []
    for wrong in (4, 9):
        probabilities = np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (60, 1))
        probabilities[random.choice(60, wrong, replace=False)] = [0.1, 0.9]
        answers.append(Predictions(np.tile(probabilities, (10, 1)), 1.0, 1.0))
    groups = [f"g{number}" for number in range(60)] * 10
    policy = Gate(class_veto=False)
    found = [decide(answers[1], answers[0], np.tile(labels, 10), ("a", "b"), policy, 10, (), g) for g in ((), groups)]
    assert [each.promote for each in found] == [True, False]
    widths = [each.difference.high - each.difference.low for each in found if each.difference]
    assert widths[1] > 2.5 * widths[0]


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores has shape \(5, 299\): must be \(seeds, 300\)"):
        Units.of(LABELS).cells(CORRECT[:, 1:])
