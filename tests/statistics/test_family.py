"""Joint critical values against closed forms and scipy."""

from typing import ClassVar

import numpy as np
import pytest
from scipy import stats

from regbench.statistics.family import adjusted_p, critical_level, joint_confidence


class TestCriticalLevel:
    @pytest.mark.parametrize("sides", [1, 2])
    @pytest.mark.parametrize("loading", [0, 0.5, 0.7, 0.97])
    def test_one_comparison_keeps_its_level(self, loading: float, sides: int) -> None:
        assert float(critical_level([np.array([loading])], 0.05, sides)) == pytest.approx(0.05, rel=1e-6)

    @pytest.mark.parametrize("count", [2, 17, 300])
    def test_without_correlation_it_is_sidaks(self, count: int) -> None:
        assert float(critical_level([np.zeros(count)], 0.05)) == pytest.approx(1 - 0.95 ** (1 / count), rel=1e-6)

    @pytest.mark.parametrize("count", [2, 5, 17])
    def test_is_dunnetts_for_many_degrees_of_freedom(self, count: int) -> None:
        """Dunnett's p by scipy at the critical value, equal groups of 2,000: correlation 1/2."""
        limit = -stats.norm.ppf(float(critical_level([np.full(count, 0.5**0.5)], 0.05)) / 2)
        values = np.tile([1.0, -1.0], 1000) / np.sqrt(2000 / 1999)  # standard deviation 1
        groups = [values + (limit * np.sqrt(2 / 2000) if place == 0 else 0) for place in range(count)]
        found = stats.dunnett(*groups, control=values, rng=np.random.default_rng(1))
        assert found.pvalue[0] == pytest.approx(0.05, abs=0.002)

    def test_correlation_saves_something_and_bonferroni_is_the_worst(self) -> None:
        levels = [float(critical_level([np.full(17, loading)], 0.05)) for loading in (0, 0.5, 0.7, 0.9)]
        assert levels == sorted(levels) and levels[0] > 0.05 / 17

    def test_groups_count_as_independent(self) -> None:
        limit = np.array(2.5)
        first, second = np.array([0.3, 0.8]), np.array([0.5])
        alone = joint_confidence(limit, [first]) * joint_confidence(limit, [second])
        assert joint_confidence(limit, [first, second]) == pytest.approx(alone)

    def test_no_comparison_has_no_level(self) -> None:
        assert np.isnan(critical_level([], 0.05)) and np.isnan(critical_level([np.zeros(0)], 0.05))


class TestAdjustedP:
    groups: ClassVar = [np.array([0.9, 0.5, 0.3]), np.array([0.7])]

    @pytest.mark.parametrize("sides", [1, 2])
    def test_the_critical_level_becomes_the_familys(self, sides: int) -> None:
        level = critical_level(self.groups, 0.01, sides)
        assert float(adjusted_p(level, self.groups, sides)) == pytest.approx(0.01, rel=1e-6)

    def test_lies_between_the_p_value_and_bonferronis(self) -> None:
        for p in (1e-15, 1e-10, 1e-6, 0.01, 0.2, 1):
            assert p <= float(adjusted_p(np.array(p), self.groups)) <= min(1, 4 * p) * (1 + 1e-6)

    def test_grows_with_the_p_value(self) -> None:
        found = [float(adjusted_p(np.array(p), self.groups)) for p in np.geomspace(1e-14, 1, 200)]
        assert found == sorted(found)

    def test_simulated_families_keep_their_level(self) -> None:
        rng, loadings = np.random.default_rng(2), np.array([0.9, 0.7, 0.7, 0.5, 0.2])
        z = loadings * rng.standard_normal((20_000, 1)) + np.sqrt(1 - loadings**2) * rng.standard_normal((20_000, 5))
        limit = -stats.norm.ppf(float(critical_level([loadings], 0.05)) / 2)
        assert (np.abs(z).max(1) > limit).mean() == pytest.approx(0.05, abs=0.005)
