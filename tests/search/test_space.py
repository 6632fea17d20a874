"""Ranges as Optuna's distributions, and as the points of a grid."""

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from regbench.config.ranges import Choices, Range
from regbench.config.search import Search
from regbench.search.space import distribution, grid, grid_values

LOG = Range(low=1e-6, high=1e-2, log=True)


@pytest.mark.parametrize(
    ("key", "searched", "expected"),
    [
        ("l2", LOG, FloatDistribution(1e-6, 1e-2, log=True)),
        ("dropout", Range(low=0.0, high=0.5, step=0.1), FloatDistribution(0, 0.5, step=0.1)),
        ("patience", Range(low=1.0, high=8.0), IntDistribution(1, 8)),
        ("patience", Range(low=1.0, high=8.0, log=True), IntDistribution(1, 8, log=True)),
        ("patience", Range(low=1.0, high=7.0, step=2.0), IntDistribution(1, 7, step=2)),
        ("train.learning_rate", LOG, FloatDistribution(1e-6, 1e-2, log=True)),
        ("batch_norm", Choices(choices=(True, False)), CategoricalDistribution((True, False))),
    ],
)
def test_distributions(key: str, searched: Any, expected: Any) -> None:
    assert distribution(key, searched) == expected


@pytest.mark.parametrize(
    ("key", "searched", "points", "expected"),
    [
        ("l2", LOG, 5, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2]),
        ("dropout", Range(low=0.0, high=0.6), 4, [0.0, 0.2, 0.4, 0.6]),
        ("dropout", Range(low=0.0, high=0.3, step=0.1), 9, [0.0, 0.1, 0.2, 0.3]),
        ("patience", Range(low=1.0, high=3.0), 5, [1, 2, 3]),
        ("l1", Choices(choices=(0, 0.5)), 9, [0, 0.5]),
    ],
)
def test_values_of_a_grid(key: str, searched: Any, points: int, expected: list[float]) -> None:
    found = grid_values(key, searched, points)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_a_grid_is_the_product_of_its_ranges_in_an_order_of_its_seed() -> None:
    space = {"l2": LOG, "dropout": Range(low=0.0, high=0.2, step=0.1)}
    points = grid(space, Search(grid_points=3))
    assert len(points) == 9 and len({tuple(point.values()) for point in points}) == 9
    assert points == grid(space, Search(grid_points=3)) != grid(space, Search(grid_points=3, seed=1))
