"""Moderated variances: limits in closed form, and behaviour where variances differ."""

import numpy as np
import pytest
from scipy.special import polygamma

from regbench.statistics.seed_variance import Prior, fit_prior, inverse_trigamma, moderate, seed_variances

EIGHTEEN = np.full(18, 3.0)


def sampled(key: int, variances: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    return variances * np.random.default_rng(key).chisquare(freedom) / freedom


class TestModerate:
    own = np.array([1.0, 0.5, 1.5, 0.9] * 5)
    freedom = np.full(20, 7.0)

    def test_without_a_prior_each_keeps_its_own(self) -> None:
        found = moderate(self.own, self.freedom, Prior(np.array(1.0), np.array(0.0)), 20)
        assert np.array_equal(found.variance, self.own) and np.array_equal(found.freedom, self.freedom)

    def test_the_weights_are_the_degrees_of_freedom(self) -> None:
        found = moderate(self.own, self.freedom, Prior(np.array(1.0), np.array(5.0)), 20)
        assert found.variance == pytest.approx((5 * 1 + 7 * self.own) / 12)
        assert found.freedom == pytest.approx(12.0)

    def test_a_prior_of_infinite_weight_is_used_up_to_the_limit(self) -> None:
        found = moderate(self.own, self.freedom, Prior(np.array(1.0), np.array(np.inf)), 20)
        assert found.freedom == pytest.approx(7 + 0.75 * 7 * 8)

    def test_many_own_seeds_and_an_infinite_prior_are_pooling(self) -> None:
        found = moderate(self.own, np.full(20, 1e4), Prior(np.array(1.0), np.array(np.inf)), 20)
        assert found.variance == pytest.approx(1.0, abs=1e-3)

    def test_an_odd_variance_stays_what_it_is(self) -> None:
        found = moderate(np.array([10.0, 1.0]), np.full(2, 3.0), Prior(np.array(1.0), np.array(6.0)), 18)
        assert found.variance[0] == pytest.approx(10, rel=1e-4) and found.freedom[0] == pytest.approx(3, rel=1e-4)
        assert found.freedom[1] == pytest.approx(9)

    def test_two_variants_keep_their_own(self) -> None:
        found = moderate(np.array([1.0, 2.0]), np.full(2, 3.0), Prior(np.array(1.5), np.array(np.inf)), 2)
        assert list(found.variance) == [1, 2] and list(found.freedom) == [3, 3]


class TestFitPrior:
    def test_equal_variances_have_no_spread_and_are_pooled(self) -> None:
        prior = fit_prior(np.full(200, 2.0), np.full(200, 3.0))
        assert prior.location == pytest.approx(2) and prior.freedom == np.inf

    def test_the_location_is_the_pooled_variance_of_unequal_seeds(self) -> None:
        prior = fit_prior(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 7.0]))
        assert prior.location == pytest.approx((1 + 6 + 28) / 11)

    def test_fewer_than_three_variants_borrow_nothing(self) -> None:
        assert fit_prior(np.array([1.0, 1.0]), np.array([3.0, 3.0])).freedom == 0

    def test_many_variants_recover_the_degrees_of_freedom(self) -> None:
        rng = np.random.default_rng(1)
        true = 8 / rng.chisquare(8, 20_000)
        freedom = np.full(20_000, 7.0)
        assert 7 < fit_prior(true * rng.chisquare(freedom) / freedom, freedom).freedom < 8.5

    def test_the_more_variances_differ_the_weaker_the_prior(self) -> None:
        base = sampled(2, np.ones(18), EIGHTEEN)
        weights = [fit_prior(base ** (1 + power), EIGHTEEN).freedom for power in (0, 0.5, 1, 2)]
        assert weights == sorted(weights, reverse=True)

    def test_draws_are_independent_rows(self) -> None:
        rows = np.stack([sampled(key, np.ones(18), EIGHTEEN) for key in range(3)])
        together = fit_prior(rows, EIGHTEEN)
        for row, location, freedom in zip(rows, together.location, together.freedom, strict=True):
            assert (location, freedom) == pytest.approx(tuple(map(float, fit_prior(row, EIGHTEEN))))


class TestSeedVariances:
    def test_never_below_what_independent_images_give(self) -> None:
        found = seed_variances(np.full(18, 1e-9), EIGHTEEN, np.full(18, 0.5))
        assert (found.variance == 0.5).all()

    def test_one_seed_among_several_has_no_degrees_of_freedom(self) -> None:
        found = seed_variances(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 3.0, 3.0, 3.0]), np.zeros(4))
        assert found.freedom[0] == 0 and found.variance[0] == pytest.approx(2)
        assert (found.freedom[1:] >= 3).all()

    def test_one_seed_everywhere_says_nothing(self) -> None:
        found = seed_variances(np.zeros(3), np.zeros(3), np.zeros(3))
        assert not found.variance.any() and not found.freedom.any()

    def test_no_variance_at_all_stays_none(self) -> None:
        assert not seed_variances(np.zeros(5), np.full(5, 3.0), np.zeros(5)).variance.any()

    def test_the_order_of_variants_does_not_matter(self) -> None:
        own, order = sampled(3, np.ones(18), EIGHTEEN), np.random.default_rng(4).permutation(18)
        one, other = seed_variances(own, EIGHTEEN, 0 * own), seed_variances(own[order], EIGHTEEN, 0 * own)
        assert other.variance == pytest.approx(one.variance[order])


@pytest.mark.parametrize("x", [0.01, 0.5, 1, 3, 40, 1000])
def test_inverse_trigamma(x: float) -> None:
    assert float(inverse_trigamma(polygamma(1, np.array(x)))) == pytest.approx(x, rel=1e-9)
