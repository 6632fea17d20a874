"""Verdicts on data whose answer is known: by construction, by hand, or by simulation with fixed keys."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from regbench.statistics.class_losses import class_losses
from regbench.statistics.comparison import compare_pairs
from regbench.statistics.holm import holm
from regbench.statistics.verdicts import judge

Correct = NDArray[np.bool_]


def right_on(images: int, total: int = 1000, seeds: int = 5) -> Correct:
    """Every seed is right on the first `images` of `total`: no seed noise at all."""
    return np.tile(np.arange(total) < images, (seeds, 1))


def noisy(rng: np.random.Generator, shape: tuple[int, int], accuracies: dict[str, float]) -> dict[str, Correct]:
    """Variants with images that are hard for all, hard for one, and seed noise of their own; exact expectations."""
    common = 1.5 * rng.standard_normal(shape[1])
    scores = {}
    for name, accuracy in accuracies.items():
        own = 0.1 * rng.standard_normal((shape[0], 1)) + 0.5 * rng.standard_normal(shape[1])
        latent = common + own + rng.standard_normal(shape)
        scores[name] = latent < stats.norm.ppf(accuracy) * math.sqrt(1.5**2 + 0.1**2 + 0.5**2 + 1)
    return scores


class TestHolm:
    def test_by_hand(self) -> None:
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    @pytest.mark.parametrize("count", [1, 2, 7, 20])
    def test_agrees_with_statsmodels(self, count: int) -> None:
        raw = (np.random.default_rng(count).random(count) ** 4).round(3)  # rounded, so that ties occur
        assert holm(list(raw)) == pytest.approx(multipletests(raw, method="holm")[1], rel=1e-12)

    def test_never_exceeds_one_and_keeps_order(self) -> None:
        assert holm([0.9, 0.8]) == [1, 1]

    def test_nan_stays_and_does_not_count(self) -> None:
        adjusted = holm([0.02, math.nan, 0.03])
        assert adjusted[0] == adjusted[2] == pytest.approx(0.04)
        assert math.isnan(adjusted[1])

    def test_nothing_in_nothing_out(self) -> None:
        assert holm([]) == []


class TestClassLosses:
    labels = np.repeat([0, 1, 2], 100)

    def test_finds_the_lost_class_of_a_variant_that_wins_on_average(self) -> None:
        baseline = np.tile(np.concatenate([np.arange(100) < n for n in (60, 60, 90)]), (4, 1))
        variant = np.tile(np.concatenate([np.arange(100) < n for n in (90, 90, 70)]), (4, 1))
        losses = class_losses(variant, baseline, self.labels, 0.95)
        assert variant.mean() > baseline.mean()
        assert list(losses) == [2]
        assert losses[2].difference.mean == pytest.approx(-0.2)
        assert losses[2].verdict == "worse"

    def test_the_p_value_is_corrected_for_the_classes(self) -> None:
        baseline = np.tile(np.arange(300) % 100 < 90, (4, 1))
        variant = baseline.copy()
        variant[:, 200:208] = False
        assert class_losses(variant[:, 200:], baseline[:, 200:], self.labels[200:], 0.99)
        assert not class_losses(variant, baseline, self.labels, 0.99)

    def test_equal_predictions_lose_nothing(self) -> None:
        baseline = np.tile(np.arange(300) % 100 < 90, (4, 1))
        assert class_losses(baseline, baseline, self.labels, 0.95) == {}

    def test_refuses_labels_of_another_length(self) -> None:
        with pytest.raises(ValueError, match=r"labels has shape \(300,\): must be \(images,\) = \(4,\)"):
            class_losses(np.ones((2, 4)), np.ones((2, 4)), self.labels, 0.95)


class TestJudge:
    labels = np.zeros(1000, dtype=int)
    # 88 % on average, with seeds so different that it is decided against neither 85 nor 90 %.
    noisy = np.stack([np.arange(1000) < right for right in (850, 950, 800, 950, 850)])

    def test_a_clear_order(self) -> None:
        judgement = judge(
            {"baseline": right_on(900), "good": right_on(950), "twin": right_on(949), "bad": right_on(800)},
            self.labels,
            "baseline",
            {"baseline": 0, "good": 3, "twin": 1, "bad": 1},
        )
        verdicts = {name: s.to_baseline and s.to_baseline.verdict for name, s in judgement.standings.items()}
        assert verdicts == {"baseline": None, "good": "better", "twin": "better", "bad": "worse"}
        against_best = {name: s.to_best and s.to_best.verdict for name, s in judgement.standings.items()}
        assert against_best == {"baseline": "worse", "good": None, "twin": "undecided", "bad": "worse"}
        assert judgement.best == "good"
        assert judgement.tie_set == ("good", "twin")
        assert judgement.recommendation == "twin"

    def test_comparisons_with_the_baseline_are_one_family(self) -> None:
        scores = noisy(np.random.default_rng(1), (5, 400), {"baseline": 0.9, "x": 0.9, "y": 0.93, "z": 0.92})
        judgement = judge(scores, np.zeros(400), "baseline", dict.fromkeys(scores, 0), margin=0.01)
        expected = compare_pairs(scores, [(name, "baseline") for name in "xyz"], 0.95, 0.01)
        assert [judgement.standings[name].to_baseline for name in "xyz"] == expected

    def test_twins_are_named_and_share_their_verdicts(self) -> None:
        scores = noisy(np.random.default_rng(1), (5, 400), {"baseline": 0.9, "x": 0.9, "y": 0.93})
        judgement = judge(
            {**scores, "twin": scores["x"].copy()}, np.zeros(400), "baseline", dict.fromkeys([*scores, "twin"], 0)
        )
        assert judgement.standings["twin"].twin == "x" and judgement.standings["x"].twin is None
        assert judgement.standings["twin"].to_baseline == judgement.standings["x"].to_baseline

    def test_the_numbers_of_seeds_may_differ(self) -> None:
        scores = noisy(np.random.default_rng(1), (8, 400), {"baseline": 0.9, "x": 0.9, "y": 0.97})
        scores["x"] = scores["x"][:3]
        judgement = judge(scores, np.zeros(400), "baseline", dict.fromkeys(scores, 0))
        standing = judgement.standings["y"].to_baseline
        assert standing is not None and standing.verdict == "better"

    def test_simplest_member_without_a_veto(self) -> None:
        labels = np.repeat([0, 1], 500)
        lopsided = np.concatenate([right_on(500, 500), right_on(430, 500)], axis=1)
        even = np.concatenate([right_on(470, 500), right_on(470, 500)], axis=1)
        reference = np.concatenate([right_on(400, 500), right_on(450, 500)], axis=1)
        scores = {"baseline": reference, "lopsided": lopsided, "even": even}
        judgement = judge(scores, labels, "baseline", {"baseline": 0, "lopsided": 1, "even": 2})
        assert judgement.standings["lopsided"].vetoed and not judgement.standings["even"].vetoed
        assert judgement.tie_set == ("lopsided", "even")
        assert judgement.recommendation == "even"

    def test_equally_simple_members_are_ranked_by_accuracy(self) -> None:
        scores = {"baseline": right_on(700), "x": right_on(900), "y": right_on(901)}
        assert judge(scores, self.labels, "baseline", {"baseline": 0, "x": 1, "y": 1}).recommendation == "y"

    def test_a_member_that_is_better_than_the_baseline_goes_before_a_simpler_one(self) -> None:
        scores = {"baseline": right_on(850), "good": right_on(900), "noisy": self.noisy}
        judgement = judge(scores, self.labels, "baseline", {"baseline": 0, "good": 3, "noisy": 1})
        verdicts = {name: judgement.standings[name].to_baseline for name in ("good", "noisy")}
        assert {name: found and found.verdict for name, found in verdicts.items()} == {
            "good": "better",
            "noisy": "undecided",
        }
        assert judgement.tie_set == ("good", "noisy") and judgement.recommendation == "good"

    def test_where_none_is_better_than_the_baseline_the_simplest_member_is_recommended(self) -> None:
        scores = {"baseline": right_on(870), "noisy": self.noisy}
        judgement = judge(scores, self.labels, "baseline", {"baseline": 0, "noisy": 1})
        assert judgement.tie_set == ("baseline", "noisy") and judgement.recommendation == "baseline"

    def test_of_equally_accurate_variants_the_simpler_is_the_best(self) -> None:
        scores = {"baseline": right_on(700), "x": right_on(900), "y": right_on(900)}
        assert judge(scores, self.labels, "baseline", {"baseline": 0, "x": 2, "y": 1}).best == "y"

    def test_the_baseline_alone_is_its_own_recommendation(self) -> None:
        judgement = judge({"baseline": right_on(900)}, self.labels, "baseline", {"baseline": 0})
        assert judgement.tie_set == (judgement.recommendation,) == ("baseline",)
        assert math.isnan(judgement.smallest_detectable)

    @pytest.mark.parametrize("shape", [(5, 0), (0, 0)])
    def test_no_image_cannot_tell(self, shape: tuple[int, int]) -> None:
        scores = {"baseline": np.zeros(shape), "x": np.zeros(shape)}
        judgement = judge(scores, np.zeros(0), "baseline", {"baseline": 0, "x": 1})
        standing = judgement.standings["x"]
        assert standing.to_baseline is not None and standing.to_baseline.verdict == "undecided"
        assert standing.to_best is not None and standing.to_best.verdict == "undecided"
        assert judgement.tie_set == ("baseline", "x") and judgement.recommendation == "baseline"

    def test_one_seed_is_judged_on_images(self) -> None:
        scores = {"baseline": right_on(900, seeds=1), "x": right_on(950, seeds=1)}
        standing = judge(scores, self.labels, "baseline", {"baseline": 0, "x": 1}).standings["x"]
        assert standing.to_baseline is not None
        assert (standing.to_baseline.verdict, standing.to_baseline.difference.sources) == ("better", "images")

    def test_smallest_detectable_shrinks_with_seeds_and_images(self) -> None:
        def size(seeds: int, images: int) -> float:
            scores = noisy(np.random.default_rng(2), (seeds, images), {"baseline": 0.9, "x": 0.9, "y": 0.9})
            return judge(scores, np.zeros(images), "baseline", dict.fromkeys(scores, 0)).smallest_detectable

        assert size(4, 400) > size(10, 400) > size(10, 3000) > 0

    def test_refuses_an_unknown_baseline(self) -> None:
        with pytest.raises(ValueError, match="baseline = none: must be one of x, y"):
            judge({"x": right_on(1), "y": right_on(1)}, self.labels, "none", {"x": 0, "y": 0})

    def test_refuses_a_missing_complexity(self) -> None:
        with pytest.raises(ValueError, match="complexity lacks y: every variant needs one"):
            judge({"x": right_on(1), "y": right_on(1)}, self.labels, "x", {"x": 0})

    def test_refuses_variants_of_different_images(self) -> None:
        with pytest.raises(ValueError, match=r"y has shape \(5, 900\): must be \(seeds, 1000\)"):
            judge({"x": right_on(1), "y": right_on(1, 900)}, self.labels, "x", {"x": 0, "y": 0})


@pytest.mark.slow
class TestSimulatedFamilies:
    """Rates over whole comparisons, within 0.1 % binomial bounds."""

    draws = 300

    def test_a_family_of_equals_is_seldom_told_apart(self) -> None:
        """Any verdict but 'undecided' against the baseline is false; so is leaving the true best out of the tie set.

        With equal expectations each variant is a true best; the baseline stands for it.
        """
        rng, told, left_out, vetoes = np.random.default_rng(3), 0, 0, 0
        labels = np.arange(200) % 2
        for _ in range(self.draws):
            scores = noisy(rng, (5, 200), dict.fromkeys(("baseline", "x", "y", "z"), 0.85))
            judgement = judge(scores, labels, "baseline", dict.fromkeys(scores, 0))
            rivals = [s.to_baseline for s in judgement.standings.values() if s.to_baseline]
            told += any(c.verdict != "undecided" for c in rivals)
            left_out += "baseline" not in judgement.tie_set
            vetoes += judgement.standings["x"].vetoed
        limit = stats.binom.ppf(0.999, self.draws, 0.05)
        assert told <= limit and left_out <= limit and vetoes <= limit

    def test_the_true_best_stays_and_the_clearly_worse_go(self) -> None:
        rng, kept, dropped = np.random.default_rng(4), 0, 0
        for _ in range(self.draws):
            scores = noisy(rng, (5, 300), {"baseline": 0.75, "close": 0.89, "best": 0.9})
            ties = judge(scores, np.zeros(300), "baseline", dict.fromkeys(scores, 0)).tie_set
            kept += "best" in ties
            dropped += "baseline" not in ties
        assert kept >= stats.binom.ppf(0.001, self.draws, 0.95)
        assert dropped >= stats.binom.ppf(0.001, self.draws, 0.9)
