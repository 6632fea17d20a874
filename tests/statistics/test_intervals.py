"""Closed forms, agreement with scipy and statsmodels, and simulations of coverage, false positives and power.

A simulation that claims a rate of at least (at most) r passes within the 0.1 % binomial bound of r, so that a method
with exactly that rate would pass 999 of 1,000 keys. The keys are fixed.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

from regbench.statistics.intervals import accuracy_interval, mean_interval, paired_difference
from regbench.statistics.noise import Noise, crossed_noise

Correct = NDArray[np.bool_]

# Standard deviations of the latent seed and image effects beside a remainder of 1; what a simulated cell consists of.
SOURCES = {"cells": (0.0, 0.0), "images": (0.0, 3.0), "seeds": (0.3, 0.0), "both": (0.2, 1.5)}


def scores(
    rng: np.random.Generator, shape: tuple[int, int], accuracy: float, seed_sd: float, image_sd: float
) -> Correct:
    """Crossed probit model whose expected accuracy over seeds and images is exactly `accuracy`."""
    latent = seed_sd * rng.standard_normal((shape[0], 1)) + image_sd * rng.standard_normal(shape[1])
    latent = latent + rng.standard_normal(shape)
    correct: Correct = latent < stats.norm.ppf(accuracy) * math.sqrt(1 + seed_sd**2 + image_sd**2)
    return correct


def pair(
    rng: np.random.Generator, shape: tuple[int, int], rates: tuple[float, float], seed_sd: float, image_sd: float
) -> tuple[Correct, Correct]:
    """Two variants: a alone is right at rate `rates[0]`, b alone at `rates[1]`; the effects move their balance."""
    latent = seed_sd * rng.standard_normal((shape[0], 1)) + image_sd * rng.standard_normal(shape[1])
    latent = (latent + rng.standard_normal(shape)) / math.sqrt(1 + seed_sd**2 + image_sd**2)
    a_alone, b_alone = latent < stats.norm.ppf(rates[0]), latent > stats.norm.isf(rates[1])
    both = rng.random(shape) < 0.9
    return np.where(b_alone, False, a_alone | both), np.where(a_alone, False, b_alone | both)


def at_least(rate: float, draws: int) -> int:
    return int(stats.binom.ppf(0.001, draws, rate))


def at_most(rate: float, draws: int) -> int:
    return int(stats.binom.ppf(0.999, draws, rate))


class TestMeanInterval:
    @pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
    def test_is_students_t(self, confidence: float) -> None:
        values = [0.97, 0.975, 0.969, 0.981]
        low, high = stats.t.interval(confidence, 3, np.mean(values), stats.sem(values))
        interval = mean_interval(values, confidence)
        assert (interval.mean, interval.low, interval.high) == pytest.approx((np.mean(values), low, high), rel=1e-12)

    def test_one_value_has_a_mean_and_no_ends(self) -> None:
        interval = mean_interval([0.9], 0.95)
        assert interval.mean == 0.9 and math.isnan(interval.low) and math.isnan(interval.high)

    def test_no_value_is_nan_throughout(self) -> None:
        assert math.isnan(mean_interval([], 0.95).mean)

    def test_equal_values_have_width_zero(self) -> None:
        interval = mean_interval([0.5, 0.5, 0.5], 0.95)
        assert interval.low == interval.mean == interval.high == 0.5

    def test_refuses_a_matrix(self) -> None:
        with pytest.raises(ValueError, match=r"values has shape \(2, 3\): must be \(seeds,\)"):
            mean_interval(np.zeros((2, 3)), 0.95)

    @pytest.mark.parametrize("confidence", [0, 1, -0.1, 95, math.nan])
    def test_refuses_a_confidence_outside_the_open_unit_interval(self, confidence: float) -> None:
        with pytest.raises(ValueError, match=r"confidence = .*: must be in \(0, 1\)"):
            mean_interval([1.0, 2.0], confidence)


class TestAccuracyInterval:
    @pytest.mark.parametrize("right", [0, 1, 7, 19, 20])
    def test_one_seed_is_wilsons_interval(self, right: int) -> None:
        interval = accuracy_interval([[True] * right + [False] * (20 - right)], 0.95)
        assert (interval.low, interval.high) == pytest.approx(proportion_confint(right, 20, method="wilson"), abs=1e-12)

    def test_seeds_that_agree_tell_no_more_than_one(self) -> None:
        row = np.arange(200) < 190
        one, five = accuracy_interval([row], 0.95), accuracy_interval([row] * 5, 0.95)
        assert five.high - five.low == pytest.approx(one.high - one.low, rel=0.02)

    @pytest.mark.parametrize("seeds", [1, 2, 5])
    @pytest.mark.parametrize("value", [True, False])
    def test_without_variation_it_is_wilson_on_the_images(self, seeds: int, value: bool) -> None:
        interval = accuracy_interval(np.full((seeds, 30), value), 0.95)
        expected = proportion_confint(30 * value, 30, method="wilson")
        assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("shape", [(5, 0), (0, 5), (0, 0)])
    def test_nothing_to_count_is_nan(self, shape: tuple[int, int]) -> None:
        interval = accuracy_interval(np.zeros(shape, dtype=bool), 0.95)
        assert all(math.isnan(number) for number in (interval.mean, interval.low, interval.high))

    @pytest.mark.parametrize("images", [1, 2, 3, 10])
    @pytest.mark.parametrize("seeds", [1, 2, 5])
    def test_stays_inside_the_unit_interval_and_has_width(self, seeds: int, images: int) -> None:
        rng = np.random.default_rng([images, seeds])
        for _ in range(50):
            interval = accuracy_interval(rng.random((seeds, images)) < rng.random(), 0.95)
            assert 0 <= interval.low <= interval.mean <= interval.high <= 1
            assert interval.high - interval.low > 0.05

    def test_one_image_counts_once_however_many_the_seeds(self) -> None:
        interval = accuracy_interval(np.arange(50)[:, None] < 30, 0.95)
        assert interval.low < 0.15 and interval.high > 0.9

    def test_right_and_wrong_mirror_each_other(self) -> None:
        right = np.random.default_rng(3).random((4, 50)) < 0.8
        interval, mirrored = accuracy_interval(right, 0.95), accuracy_interval(~right, 0.95)
        assert (mirrored.low, mirrored.high) == pytest.approx((1 - interval.high, 1 - interval.low), abs=1e-12)

    def test_refuses_one_dimension(self) -> None:
        with pytest.raises(ValueError, match=r"correct has shape \(3,\): must be \(seeds, images\)"):
            accuracy_interval([True, False, True], 0.95)

    @pytest.mark.parametrize("accuracy", [0.5, 0.95, 0.98])
    @pytest.mark.parametrize("seeds", [2, 5, 10])
    @pytest.mark.parametrize("noise", [(0.0, 0.0), (0.0, 2.0), (0.1, 0.0), (0.2, 1.0)])
    def test_covers_the_expected_accuracy(self, noise: tuple[float, float], seeds: int, accuracy: float) -> None:
        rng, draws = np.random.default_rng([seeds, int(1000 * accuracy)]), 500
        intervals = (accuracy_interval(scores(rng, (seeds, 300), accuracy, *noise), 0.95) for _ in range(draws))
        assert sum(interval.low <= accuracy <= interval.high for interval in intervals) >= at_least(0.95, draws)


class TestPairedDifference:
    def test_images_alone_is_the_one_sample_t_test(self) -> None:
        rng = np.random.default_rng(1)
        a, b = rng.random(100) < 0.9, rng.random(100) < 0.8
        expected = stats.ttest_1samp(a.astype(float) - b, 0)
        difference = paired_difference([a] * 3, [b] * 3, 0.9)
        assert difference.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        assert (difference.low, difference.high) == pytest.approx(expected.confidence_interval(0.9), rel=1e-9)

    def test_seeds_alone_is_the_paired_t_test(self) -> None:
        a = np.repeat([[True], [True], [True], [False], [True]], 40, axis=1)
        b = np.zeros_like(a)
        expected = stats.ttest_rel(a.mean(axis=1), b.mean(axis=1))
        difference = paired_difference(a, b, 0.95)
        assert difference.p_value == pytest.approx(expected.pvalue, rel=1e-9)
        assert difference.low == pytest.approx(expected.confidence_interval(0.95).low, rel=1e-9)

    @pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 0), (6, 0), (3, 3), (12, 4), (30, 41)])
    def test_one_seed_is_the_exact_mcnemar_test(self, wins: int, losses: int) -> None:
        a = np.arange(200) < wins
        b = (np.arange(200) >= wins) & (np.arange(200) < wins + losses)
        difference = paired_difference([a], [b], 0.95)
        expected = mcnemar([[0, wins], [losses, 200 - wins - losses]], exact=True).pvalue
        assert difference.p_value == pytest.approx(expected, rel=1e-12)
        assert (difference.sources, difference.discordant) == ("images", wins + losses)
        assert (difference.low <= 0 <= difference.high) == (expected > 0.05)

    def test_swapping_the_variants_changes_the_sign_alone(self) -> None:
        a, b = pair(np.random.default_rng(2), (4, 200), (0.06, 0.03), 0.2, 1.0)
        there, back = paired_difference(a, b, 0.95), paired_difference(b, a, 0.95)
        assert (back.mean, back.low, back.high) == pytest.approx((-there.mean, -there.high, -there.low), rel=1e-12)
        assert back.p_value == pytest.approx(there.p_value, rel=1e-12)

    def test_the_order_of_seeds_and_images_does_not_matter(self) -> None:
        rng = np.random.default_rng(4)
        a, b = pair(rng, (4, 200), (0.06, 0.03), 0.2, 1.0)
        rows, columns = rng.permutation(4)[:, None], rng.permutation(200)
        one, other = paired_difference(a, b, 0.95), paired_difference(a[rows, columns], b[rows, columns], 0.95)
        assert (one.mean, one.low, one.p_value) == pytest.approx((other.mean, other.low, other.p_value), rel=1e-12)

    @pytest.mark.parametrize("seeds", [1, 2, 5])
    def test_equal_predictions_are_no_difference_but_not_certainty(self, seeds: int) -> None:
        a = np.random.default_rng(5).random((seeds, 100)) < 0.9
        difference = paired_difference(a, a, 0.95)
        assert (difference.mean, difference.p_value, difference.discordant) == (0, 1, 0)
        assert difference.high == -difference.low == pytest.approx(stats.norm.ppf(0.975) / 100)

    @pytest.mark.parametrize("images", [1, 3, 5])
    def test_few_images_prove_nothing_however_many_the_seeds(self, images: int) -> None:
        difference = paired_difference(np.ones((50, images)), np.zeros((50, images)), 0.95)
        assert difference.p_value == 2.0 ** (1 - images)
        assert difference.low <= 0 and difference.high == 1

    @pytest.mark.parametrize("seeds", [1, 2, 5])
    def test_the_interval_leaves_zero_out_exactly_where_the_test_rejects(self, seeds: int) -> None:
        rng, rejected = np.random.default_rng([6, seeds]), 0
        for _ in range(300):
            gain = rng.uniform(0, 0.2)
            difference = paired_difference(*pair(rng, (seeds, 60), (0.05 + gain, 0.05), 0.0, 1.0), 0.95)
            rejected += difference.p_value < 0.05
            assert (difference.low > 0 or difference.high < 0) == (difference.p_value < 0.05)
        assert 20 < rejected < 280

    @pytest.mark.parametrize("shape", [(5, 0), (0, 5)])
    def test_nothing_to_count_is_nan(self, shape: tuple[int, int]) -> None:
        difference = paired_difference(np.zeros(shape), np.zeros(shape), 0.95)
        assert math.isnan(difference.mean) and math.isnan(difference.p_value) and difference.noise is None

    def test_refuses_variants_of_different_shape(self) -> None:
        with pytest.raises(ValueError, match=r"a has shape \(2, 3\), b has shape \(2, 4\): must be the same"):
            paired_difference(np.zeros((2, 3)), np.zeros((2, 4)), 0.95)

    @pytest.mark.parametrize(
        ("seeds", "source"),
        [(1, "cells"), (1, "images"), *((seeds, source) for seeds in (2, 3, 5, 10) for source in SOURCES)],
    )  # one seed cannot know the seeds' noise, and says so in `sources`
    @pytest.mark.parametrize("rate", [0.01, 0.15])
    def test_false_positives_stay_within_five_percent(self, rate: float, source: str, seeds: int) -> None:
        rng, draws = np.random.default_rng([seeds, int(100 * rate), len(source)]), 500
        found = (
            paired_difference(*pair(rng, (seeds, 300), (rate, rate), *SOURCES[source]), 0.95) for _ in range(draws)
        )
        assert sum(difference.p_value <= 0.05 for difference in found) <= at_most(0.05, draws)

    @pytest.mark.parametrize("source", SOURCES)
    @pytest.mark.parametrize("seeds", [3, 5])
    def test_the_interval_covers_a_known_difference(self, seeds: int, source: str) -> None:
        rng, draws = np.random.default_rng([7, seeds, len(source)]), 500
        found = (
            paired_difference(*pair(rng, (seeds, 300), (0.08, 0.04), *SOURCES[source]), 0.95) for _ in range(draws)
        )
        assert sum(difference.low <= 0.04 <= difference.high for difference in found) >= at_least(0.95, draws)

    @pytest.mark.parametrize("source", SOURCES)
    def test_power_at_the_detectable_difference(self, source: str) -> None:
        """At ten seeds a true difference of the median detectable size is found in about 80 % of the draws."""
        rng, draws, noise = np.random.default_rng([8, len(source)]), 200, SOURCES[source]
        shape, level, sizes = (10, 400), (0.06, 0.06), []
        for _ in range(40):
            known = paired_difference(*pair(rng, shape, level, *noise), 0.95).noise
            assert known is not None
            sizes.append(known.detectable(0.05))
        half = float(np.median(sizes)) / 2
        rates = (level[0] + half, level[1] - half)
        found = sum(paired_difference(*pair(rng, shape, rates, *noise), 0.95).p_value < 0.05 for _ in range(draws))
        assert at_least(0.7, draws) <= found <= at_most(0.95, draws)


class TestNoise:
    def test_parts_are_the_mean_squares_of_the_crossed_design(self) -> None:
        """Two-way analysis of variance by hand: v_seeds = MS_seeds / SN, v_images = (MS_images - MS_rest) / SN."""
        cells = (np.random.default_rng(9).random((4, 60)) < np.linspace(0.2, 0.9, 60)).astype(float)
        rows, columns, mean = cells.mean(axis=1), cells.mean(axis=0), cells.mean()
        rest = ((cells - rows[:, None] - columns + mean) ** 2).sum() / (3 * 59)
        by_seeds, by_images = 60 * ((rows - mean) ** 2).sum() / 3, 4 * ((columns - mean) ** 2).sum() / 59
        noise = crossed_noise(cells)
        assert noise.seeds == pytest.approx(by_seeds / 240, rel=1e-12)
        assert noise.images == pytest.approx((by_images - rest) / 240, rel=1e-12)

    @pytest.mark.parametrize("mean", [1e-6, 0.001, 0.01, 0.05])
    def test_p_value_inverts_the_half_width(self, mean: float) -> None:
        noise = Noise(seeds=2e-6, images=1e-6, floor=1e-7, n_seeds=4, n_images=500)
        assert noise.half_width(1 - noise.p_value(mean)) == pytest.approx(mean, rel=1e-6)

    def test_p_value_is_one_without_a_difference_and_never_zero(self) -> None:
        noise = Noise(seeds=0, images=1e-8, floor=0, n_seeds=4, n_images=500)
        assert noise.p_value(0) == pytest.approx(1)
        assert noise.p_value(1) == pytest.approx(1e-15)

    def test_detectable_is_close_to_the_exact_t_test(self) -> None:
        noise = Noise(seeds=1 / 10, images=0, floor=0, n_seeds=10, n_images=500)
        exact = TTestPower().solve_power(nobs=10, alpha=0.05, power=0.8)
        assert noise.detectable(0.05) == pytest.approx(exact, rel=0.05)
