"""Levels of several looks, against closed forms, scipy and simulation."""

import numpy as np
import pytest
from scipy import stats

from regbench.statistics.family import Sides
from regbench.statistics.sequential import RHO, Look, nominal_levels

TIMES = (0.25, 0.4, 0.6, 1.0)


@pytest.mark.parametrize("sides", [1, 2])
def test_one_look_spends_the_level_at_once(sides: Sides) -> None:
    assert nominal_levels(0.03, (1.0,), sides) == pytest.approx((0.03,), rel=1e-9)
    assert Look((5,), 0).levels(0.03, sides) == (0.03,)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("level", [0.05, 0.003, 1e-5])
def test_the_first_look_spends_its_share(level: float, sides: Sides) -> None:
    assert nominal_levels(level, TIMES, sides)[0] == pytest.approx(level * TIMES[0] ** RHO, rel=1e-6)


@pytest.mark.parametrize(("time", "level"), [(0.3, 0.05), (0.5, 0.01), (0.8, 0.05)])
def test_two_looks_agree_with_the_bivariate_normal(time: float, level: float) -> None:
    first, second = nominal_levels(level, (time, 1.0), 1)
    limits = stats.norm.isf([first, second])
    within = stats.multivariate_normal([0, 0], [[1, time**0.5], [time**0.5, 1]]).cdf(limits)
    assert 1 - within == pytest.approx(level, rel=1e-3)


def test_any_look_rejects_with_the_level() -> None:
    level, draws = 0.05, 200_000
    limits = stats.norm.isf(np.array(nominal_levels(level, TIMES)) / 2)
    steps = np.sqrt(np.diff([0, *TIMES])) * np.random.default_rng(1).standard_normal((draws, len(TIMES)))
    rejected = (np.abs(steps.cumsum(1) / np.sqrt(TIMES)) > limits).any(1).sum()
    assert stats.binomtest(int(rejected), draws, level).pvalue > 0.001


def test_later_looks_may_spend_more_and_all_together_less_than_twice() -> None:
    levels = nominal_levels(0.05, TIMES)
    assert list(levels) == sorted(levels) and levels[-1] < 0.05 < sum(levels) < 0.1


def test_a_look_knows_whether_it_is_the_last() -> None:
    assert [Look((4, 6, 8), place).is_last for place in range(3)] == [False, False, True]
    assert Look((4, 6, 8), 1).levels(0.05, 2) == nominal_levels(0.05, (0.5, 0.75, 1.0), 2)
