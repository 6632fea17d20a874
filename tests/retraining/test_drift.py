"""Drift: silent on data from the same source, however few; loud where images, labels or answers changed."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from regbench.config.drift import DriftSettings, Limits
from regbench.config.messages import explain
from regbench.retraining.distances import agreement, kolmogorov_smirnov, label_shares, missing_classes
from regbench.retraining.drift import DriftReport, Sample, drift_report

CLASSES = 10
SETTINGS = DriftSettings()


def draw(rng: np.random.Generator, count: int, shares: NDArray[np.float64] | None = None) -> Sample:
    """Return images of bars whose place follows from the class, with labels and a fair champion's answers."""
    classes = rng.choice(CLASSES, size=count, p=shares)
    images = rng.integers(0, 60, (count, 1, 10, 10))
    images[np.arange(count), 0, classes] += rng.integers(80, 190, (count, 1))
    correct = rng.random(count) < 0.95
    confidence = np.where(correct, rng.beta(20, 1, count), rng.beta(5, 3, count))
    return Sample(images.astype(np.uint8), tuple(map(str, classes)), confidence, correct)


@pytest.fixture(scope="module")
def old() -> Sample:
    return draw(np.random.default_rng(0), 2000)


def stopped(report: DriftReport) -> set[str]:
    return {check.name for check in report.checks if check.level == "stop"}


def test_new_data_from_the_same_source_alarm_with_probability_alpha_at_most() -> None:
    """With limits of 0 whatever is significant warns: at 5 % of 200 reports, 10 are expected, over 19 once in 300."""
    rng = np.random.default_rng(1)
    anything = Limits(warn=0, stop=1)
    strict = DriftSettings(alpha=0.05, labels=anything, pixels=anything, confidence=anything, agreement=anything)
    alarms = 0
    for trial in range(200):
        report = drift_report(draw(rng, (1, 3, 12, 60)[trial % 4]), draw(rng, 150), strict)
        alarms += report.level != "none"
    assert alarms <= 19


@pytest.mark.parametrize("count", [1, 2, 5, 20, 100, 5000])
def test_the_default_limits_are_silent_on_the_same_source_at_any_size(old: Sample, count: int) -> None:
    report = drift_report(draw(np.random.default_rng(count), count), old, SETTINGS)
    assert (report.level, report.alarms) == ("none", ())
    assert report.images == report.labelled == count


@pytest.mark.fault
@pytest.mark.parametrize("count", [8, 300])
def test_inverted_pixels_stop(old: Sample, count: int) -> None:
    new = draw(np.random.default_rng(2), count)
    assert "brightness" in stopped(drift_report(replace(new, images=255 - new.images), old, SETTINGS))


def test_shifted_images_are_seen_although_their_brightness_is_the_same(old: Sample) -> None:
    new = draw(np.random.default_rng(2), 300)
    report = drift_report(replace(new, images=np.roll(new.images, 2, axis=-2)), old, SETTINGS)
    assert report.level == "none"  # rows are equally likely: nothing moved on the whole
    lopsided = np.array([0.5, *[0.5 / 9] * 9])
    new, old = (draw(np.random.default_rng(seed), 600, lopsided) for seed in (3, 4))
    report = drift_report(replace(new, images=np.roll(new.images, 2, axis=-2)), old, SETTINGS)
    assert {check.name for check in report.checks if check.level != "none"} == {"arrangement"}


@pytest.mark.fault
@pytest.mark.parametrize(("count", "names"), [(8, {"labels"}), (200, {"labels", "missing classes"})])
def test_one_class_only_stops(old: Sample, count: int, names: set[str]) -> None:
    report = drift_report(draw(np.random.default_rng(2), count, np.eye(CLASSES)[3]), old, SETTINGS)
    assert names <= stopped(report)
    assert any("(stop): labels: distance 0.9" in line and "'3', +" in line for line in report.alarms)


@pytest.mark.fault
def test_a_missing_class_stops_where_chance_does_not_explain_it(old: Sample) -> None:
    without = np.array([*[1 / 9] * 9, 0])
    many = drift_report(draw(np.random.default_rng(2), 200, without), old, SETTINGS)
    assert stopped(many) == {"missing classes"}
    assert many.alarms[0].endswith("absent: '9'")
    few = drift_report(draw(np.random.default_rng(2), 30, without), old, SETTINGS)
    assert few.level == "none"


@pytest.mark.fault
def test_a_new_class_stops_even_one_image(old: Sample) -> None:
    new = draw(np.random.default_rng(2), 50)
    report = drift_report(replace(new, labels=("x", *new.labels[1:])), old, SETTINGS)
    assert stopped(report) == {"new classes"}
    assert report.alarms[0].endswith("1 images of classes that the champion does not know: 'x'")


@pytest.mark.fault
def test_wrong_labels_show_in_the_champions_agreement(old: Sample) -> None:
    rng = np.random.default_rng(2)
    new = draw(rng, 200)
    mislabelled = replace(new, correct=new.correct & (rng.random(200) > 0.45))
    assert stopped(drift_report(mislabelled, old, SETTINGS)) == {"agreement"}
    tolerant = DriftSettings(agreement=Limits(warn=0.1, stop=1))
    report = drift_report(mislabelled, old, tolerant)
    assert (report.level, len(report.alarms)) == ("warn", 1)


def test_a_better_champion_on_new_images_is_no_alarm(old: Sample) -> None:
    new = draw(np.random.default_rng(2), 400)
    easy = replace(new, correct=np.ones(400, dtype=bool))
    assert drift_report(easy, old, SETTINGS).level == "none"


def test_an_unsure_champion_stops(old: Sample) -> None:
    new = draw(np.random.default_rng(2), 100)
    assert stopped(drift_report(replace(new, confidence=new.confidence * 0.6), old, SETTINGS)) == {"confidence"}


def test_unlabelled_images_alone_are_judged_by_pixels_and_confidence(old: Sample) -> None:
    new = replace(draw(np.random.default_rng(2), 50), labels=(), correct=np.zeros(0, dtype=bool))
    report = drift_report(new, old, SETTINGS)
    unjudged = {check.name for check in report.checks if np.isnan(check.distance)}
    assert unjudged == {"labels", "missing classes", "agreement"}
    assert report.level == "none"
    empty = replace(new, images=new.images[:0], confidence=new.confidence[:0])
    assert drift_report(empty, old, SETTINGS).level == "none"


def test_distances_have_their_closed_forms() -> None:
    distance, p_value, about = label_shares(("a",) * 4, ("b",) * 4)
    assert distance == 1
    # Of the 70 ways to choose 4 of 8 labels, 2 are as far apart.
    assert p_value == pytest.approx(2 / 70, abs=0.006)
    assert about == "most changed: 'a', +100.0 points of share"
    assert label_shares(("a", "b"), ("b", "a"))[:2] == (0, 1)
    assert missing_classes(("a",), ("a", "b", "b", "b"))[:2] == (0.75, pytest.approx(2 * 2 / 5))
    low, high = np.arange(5.0), np.arange(5.0) + 9
    assert kolmogorov_smirnov(low, high, "mean")[:2] == (1, pytest.approx(2 / 252))
    assert agreement(np.array([False] * 3), np.array([True] * 3))[:2] == (1, pytest.approx(1 / 20))


def test_flat_images_and_one_pixel_have_no_arrangement() -> None:
    flat = Sample(np.full((5, 1, 4, 4), 7, dtype=np.uint8), (), np.zeros(0), np.zeros(0, dtype=bool))
    report = drift_report(flat, flat, SETTINGS)
    assert [check.distance for check in report.checks if check.name == "arrangement"] == [0]
    assert report.level == "none"


def test_the_report_reads_back_and_its_table_has_a_row_a_check(old: Sample) -> None:
    new = replace(draw(np.random.default_rng(2), 30), labels=(), correct=np.zeros(0, dtype=bool))
    report = drift_report(replace(new, images=255 - new.images), old, SETTINGS)
    content = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert content["level"] == "stop" and content["images"] == 30
    assert {check["name"]: check["level"] for check in content["checks"]} == {c.name: c.level for c in report.checks}
    lines = report.markdown().splitlines()
    assert lines[0].startswith("30 new images, 0 of them labelled")
    rows = [line for line in lines if line.startswith("| ") and "|---" not in line][1:]
    assert len(rows) == len(report.checks)
    assert len({line.count(" | ") for line in rows}) == 1 and any("**stop**" in line for line in rows)


def test_the_same_data_give_the_same_report(old: Sample) -> None:
    new = draw(np.random.default_rng(9), 40)
    assert drift_report(new, old, SETTINGS) == drift_report(new, old, SETTINGS)


def test_a_warning_above_the_stop_is_refused_in_one_line() -> None:
    with pytest.raises(ValidationError) as caught:
        DriftSettings.model_validate({"labels": {"warn": 0.5, "stop": 0.3}})
    (line,) = explain(caught.value, DriftSettings, ("retrain", "drift"))
    assert line.startswith("retrain.drift.labels = ") and "warn = 0.5 must not be above stop = 0.3" in line
