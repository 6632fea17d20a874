"""Comparisons of pairs as a family: closed forms, agreement with scipy, odd input, and what plans promise."""

import math
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from regbench.statistics.comparison import compare_networks, compare_pairs
from regbench.statistics.intervals import paired_difference
from regbench.statistics.pair import Comparison
from regbench.statistics.twins import representatives
from regbench.statistics.variant_noise import Pool

Scores = dict[str, NDArray[np.float64]]


def constant_rows(*means: float, images: int = 50) -> NDArray[np.float64]:
    """One number a seed, the same on each image: no image noise, no remainder."""
    return np.repeat(np.array(means)[:, None], images, axis=1)


def drawn(
    rng: np.random.Generator, shifts: dict[str, float], seeds: int = 4, images: int = 300, sd: float = 0.1
) -> Scores:
    """Losses with noise of seeds, of images that are hard for one variant, and of cells."""
    return {
        name: shift
        + sd * rng.standard_normal((seeds, 1))
        + 0.3 * rng.standard_normal(images)
        + 0.5 * rng.standard_normal((seeds, images))
        for name, shift in shifts.items()
    }


def numbers(found: Comparison) -> tuple[float, ...]:
    return (found.difference.mean, found.difference.low, found.difference.high, found.adjusted_p, found.detectable)


def against(scores: Scores, baseline: str = "a", **settings: float) -> dict[str, Comparison]:
    rivals = [name for name in scores if name != baseline]
    pairs = [(name, baseline) for name in rivals]
    return dict(zip(rivals, compare_pairs(scores, pairs, 0.95, **settings), strict=True))  # type: ignore[arg-type]


class TestTwoVariants:
    a, b = (1.0, 1.3, 0.9, 1.4), (2.0, 1.9, 2.6, 2.5)

    def test_seeds_alone_is_welchs_test(self) -> None:
        found = against({"a": constant_rows(*self.a), "b": constant_rows(*self.b)})["b"]
        expected = stats.ttest_ind(self.b, self.a, equal_var=False)
        interval = expected.confidence_interval(0.95)
        assert found.adjusted_p == pytest.approx(expected.pvalue, rel=1e-6)
        assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high), rel=1e-6)

    def test_equal_variances_are_students_test(self) -> None:
        found = against({"a": constant_rows(*self.a), "b": constant_rows(*(3 - x for x in self.a))})["b"]
        assert found.difference.p_value == pytest.approx(stats.ttest_ind(self.a, [3 - x for x in self.a]).pvalue)

    def test_images_alone_is_the_paired_test_over_images(self) -> None:
        rng = np.random.default_rng(1)
        a, b = rng.standard_normal(80), rng.standard_normal(80) + 0.4
        found = against({"a": np.tile(a, (3, 1)), "b": np.tile(b, (3, 1))})["b"]
        assert found.difference.p_value == pytest.approx(stats.ttest_rel(b, a).pvalue, rel=1e-6)

    def test_one_seed_of_numbers_is_the_paired_test_over_images(self) -> None:
        rng = np.random.default_rng(2)
        a, b = rng.standard_normal((1, 80)), rng.standard_normal((1, 80)) + 0.4
        found = against({"a": a, "b": b})["b"]
        assert found.difference.p_value == pytest.approx(stats.ttest_rel(b[0], a[0]).pvalue, rel=1e-6)
        assert found.difference.sources == "images"

    @pytest.mark.parametrize(("wins", "losses"), [(1, 0), (5, 0), (6, 0), (12, 4), (30, 41)])
    def test_one_seed_of_right_and_wrong_is_the_exact_mcnemar_test(self, wins: int, losses: int) -> None:
        a = np.arange(200) < wins
        b = (np.arange(200) >= wins) & (np.arange(200) < wins + losses)
        [found] = compare_pairs({"a": a[None], "b": b[None]}, [("a", "b")], 0.95)
        assert found.adjusted_p == pytest.approx(paired_difference([a], [b], 0.95).p_value)

    def test_swapping_changes_the_sign_alone(self) -> None:
        scores = drawn(np.random.default_rng(3), {"a": 1, "b": 1.1})
        there, back = (compare_pairs(scores, [pair], 0.95)[0] for pair in (("a", "b"), ("b", "a")))
        assert there.difference.mean == pytest.approx(-back.difference.mean)
        assert there.difference.low == pytest.approx(-back.difference.high)
        assert there.wins.mean == pytest.approx(1 - back.wins.mean)

    def test_lower_is_better_turns_the_sign(self) -> None:
        scores = {"a": constant_rows(*self.a), "b": constant_rows(*self.b)}
        assert against(scores)["b"].verdict == "better"
        assert against(scores, lower_is_better=True)["b"].verdict == "worse"


class TestFamily:
    shifts: ClassVar = {"a": 1.0, **{f"v{place}": 1 - 0.1 * place for place in range(8)}}

    def test_intervals_leave_zero_out_exactly_where_the_verdict_says_so(self) -> None:
        decided = 0
        for key in range(40):
            for found in against(drawn(np.random.default_rng(key), self.shifts), lower_is_better=True).values():
                out = found.difference.low > 0 or found.difference.high < 0
                assert out == (found.verdict in ("better", "worse")) == (found.adjusted_p <= 0.05)
                decided += out
        assert 40 < decided < 280

    def test_the_order_of_variants_seeds_and_images_does_not_matter(self) -> None:
        rng = np.random.default_rng(5)
        scores = drawn(rng, self.shifts)
        images = rng.permutation(300)
        mixed = {name: scores[name][rng.permutation(4)][:, images] for name in reversed(list(scores))}
        one, other = against(scores), against(mixed)
        for name in one:
            assert numbers(other[name]) == pytest.approx(numbers(one[name]), rel=1e-6)

    def test_more_rivals_make_no_p_value_smaller_at_the_same_noise(self) -> None:
        scores = drawn(np.random.default_rng(6), self.shifts)
        pool = Pool.of(scores)
        few = compare_networks(pool, [("v7", "a")], 0.95)[0]
        many = compare_networks(pool, [(name, "a") for name in scores if name != "a"], 0.95)[-1]
        assert many.adjusted_p > few.adjusted_p == pytest.approx(few.difference.p_value)

    def test_variants_that_are_one_network_count_once(self) -> None:
        scores = drawn(np.random.default_rng(7), self.shifts)
        twins = {**scores, **{f"twin{place}": scores["v3"].copy() for place in range(5)}}
        alone, together = against(scores), against(twins)
        assert {name: numbers(together[name]) for name in alone} == {name: numbers(alone[name]) for name in alone}
        assert numbers(together["twin4"]) == numbers(alone["v3"])

    def test_a_twin_of_the_baseline_is_no_comparison(self) -> None:
        scores = drawn(np.random.default_rng(8), self.shifts)
        found = against({**scores, "twin": scores["a"].copy()})["twin"]
        assert found.same_network and found.verdict == "practically equal" and found.difference.high == 0

    def test_groups_say_which_variants_are_one_network(self) -> None:
        right = {name: np.ones((2, 30), dtype=bool) for name in "ab"}
        assert compare_pairs(right, [("b", "a")], 0.95)[0].same_network
        found = compare_pairs(right, [("b", "a")], 0.95, same={"a": 0, "b": 1})[0]
        assert not found.same_network and found.verdict == "undecided" and found.difference.high > 0

    def test_more_seeds_of_one_variant_narrow_its_interval(self) -> None:
        scores = drawn(np.random.default_rng(9), self.shifts, seeds=8)
        some = {name: matrix if name in ("a", "v1") else matrix[:4] for name, matrix in scores.items()}
        assert against(some)["v1"].detectable < against(some)["v2"].detectable

    def test_pairs_may_have_any_second(self) -> None:
        scores = drawn(np.random.default_rng(10), self.shifts)
        found = compare_pairs(scores, [("v1", "a"), ("v7", "v1"), ("v2", "a"), ("v1", "a")], 0.95)
        assert numbers(found[0]) == numbers(found[3])
        assert found[1].difference.mean == pytest.approx(scores["v7"].mean() - scores["v1"].mean())


class TestOddInput:
    @pytest.mark.parametrize("shape", [(5, 0), (0, 5), (0, 0)])
    def test_nothing_to_count_is_undecided(self, shape: tuple[int, int]) -> None:
        [found] = compare_pairs({"a": np.zeros(shape), "b": np.zeros(shape)}, [("b", "a")], 0.95)
        assert found.verdict == "undecided" and found.seeds_needed == math.inf and math.isnan(found.difference.mean)

    @pytest.mark.parametrize("images", [1, 3, 5])
    def test_few_images_prove_nothing_however_many_the_seeds(self, images: int) -> None:
        [found] = compare_pairs({"a": np.ones((50, images)), "b": np.zeros((50, images))}, [("a", "b")], 0.95)
        assert found.difference.p_value >= 2.0 ** (1 - images) and found.difference.low <= 0

    def test_one_seed_beside_several_is_undecided(self) -> None:
        scores = drawn(np.random.default_rng(11), {"a": 0, "b": 0, "c": 5})
        found = against({**scores, "c": scores["c"][:1]})
        assert found["c"].verdict == "undecided" and found["c"].adjusted_p == 1 and found["c"].seeds_needed == 2

    def test_a_score_that_is_nan_is_undecided(self) -> None:
        scores = drawn(np.random.default_rng(12), {"a": 0, "b": 0, "c": 5})
        scores["c"][0, 0] = math.nan
        assert against(scores)["c"].verdict == "undecided"

    def test_refuses_different_images(self) -> None:
        with pytest.raises(ValueError, match=r"differ in images: a \(2, 3\), b \(2, 4\)"):
            compare_pairs({"a": np.zeros((2, 3)), "b": np.zeros((2, 4))}, [("b", "a")], 0.95)

    @pytest.mark.parametrize("confidence", [0, 1, 95, math.nan])
    def test_refuses_a_confidence_outside_the_open_unit_interval(self, confidence: float) -> None:
        with pytest.raises(ValueError, match="confidence"):
            compare_pairs({"a": np.zeros((2, 3))}, [], confidence)

    def test_representatives_are_the_first(self) -> None:
        assert representatives({"x": np.zeros((1, 2)), "y": np.ones((1, 2)), "z": np.zeros((1, 2))}) == {
            "x": "x", "y": "y", "z": "x",
        }  # fmt: skip


class TestPracticallyEqual:
    def test_is_two_one_sided_tests(self) -> None:
        """Seeds alone and two variants: the TOST of Welch's test, closed form."""
        a, b = (1.0, 1.3, 0.9, 1.4), (1.2, 1.25, 1.05, 1.15)
        scores = {"a": constant_rows(*a), "b": constant_rows(*b)}
        interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.90)
        edge = max(abs(interval.low), abs(interval.high))
        assert against(scores, margin=edge * 1.001)["b"].verdict == "practically equal"
        assert against(scores, margin=edge * 0.999)["b"].verdict == "undecided"

    def test_a_significant_difference_within_the_margin_is_better(self) -> None:
        scores = {"a": constant_rows(1.0, 1.01, 0.99), "b": constant_rows(1.1, 1.11, 1.09)}
        assert against(scores, margin=1.0)["b"].verdict == "better"

    def test_is_seldom_said_of_a_difference_as_large_as_the_margin(self) -> None:
        rng, wrong, draws = np.random.default_rng(13), 0, 200
        for _ in range(draws):
            scores = drawn(rng, {"a": 1, "b": 1.2, "c": 1.2, "d": 1.2}, seeds=6, images=100)
            wrong += any(found.verdict == "practically equal" for found in against(scores, margin=0.2).values())
        assert wrong <= stats.binom.ppf(0.999, draws, 0.05)


class TestSeedsNeeded:
    def test_so_many_seeds_decide_in_about_80_percent(self) -> None:
        rng, needed = np.random.default_rng(14), []
        shifts: ClassVar = {"a": 1.0, "b": 1.15, "c": 1.15, "d": 1.15}
        pairs = [(name, "a") for name in "bcd"]
        for _ in range(60):
            found = compare_pairs(drawn(rng, shifts, seeds=4, images=1000), pairs, 0.95)
            needed += [one.seeds_needed for one in found if one.verdict == "undecided" and one.difference.mean > 0.12]
        seeds = int(np.median(needed))
        assert 6 <= seeds <= 30
        decided = [
            one.verdict == "better"
            for _ in range(60)
            for one in compare_pairs(drawn(rng, shifts, seeds=seeds, images=1000), pairs, 0.95)
        ]
        assert 0.6 < np.mean(decided) < 0.97

    def test_smaller_differences_need_more_and_images_may_forbid_it(self) -> None:
        rng = np.random.default_rng(15)
        scores = drawn(rng, {"a": 1.0, "b": 1.0}, images=2000)
        base = scores["b"] - scores["b"].mean() + scores["a"].mean()
        needed = [against({"a": scores["a"], "b": base + gain})["b"].seeds_needed for gain in (0.0, 0.03, 0.05, 0.1)]
        assert needed[0] == math.inf and needed == sorted(needed, reverse=True) and needed[-1] < math.inf

    def test_is_nan_where_decided(self) -> None:
        scores = drawn(np.random.default_rng(16), {"a": 1, "b": 9})
        assert math.isnan(against(scores)["b"].seeds_needed)


class TestWins:
    def test_is_the_normal_probability(self) -> None:
        a, b = (1.0, 1.3, 0.9, 1.4), (2.0, 1.9, 2.6, 2.5)
        found = against({"a": constant_rows(*a), "b": constant_rows(*b)})["b"].wins
        delta = (np.mean(b) - np.mean(a)) / np.sqrt(np.var(a, ddof=1) + np.var(b, ddof=1))
        assert found.mean == pytest.approx(stats.norm.cdf(delta))
        assert found.low < found.mean < found.high < 1

    def test_its_interval_covers(self) -> None:
        rng, draws, covered = np.random.default_rng(17), 200, 0
        true = stats.norm.cdf(0.15 / np.sqrt(2 * (0.1**2 + 0.25 / 300)))
        for _ in range(draws):
            found = against(drawn(rng, {"a": 1, "b": 1.15}, seeds=6))["b"].wins
            covered += found.low <= true <= found.high
        assert covered >= stats.binom.ppf(0.001, draws, 0.93)
