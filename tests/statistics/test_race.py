"""A race settles what is clear, gives up what is hopeless, and looks again at the rest."""

import numpy as np
import pytest

from regbench.statistics.comparison import compare_pairs
from regbench.statistics.race import Race, plan_looks
from regbench.statistics.sequential import Look, nominal_levels

GAINS = {"clear": 2.0, "slight": 0.25, "none": 0.0}


def scores(gains: dict[str, float], seeds: int, key: int = 3) -> dict[str, np.ndarray]:
    """Scores with noise of seeds; of each variant the first seeds are the same, however many."""
    found = {}
    for place, (name, gain) in enumerate({"baseline": 0.0, **gains}.items()):
        random = np.random.default_rng([key, place])
        found[name] = gain + 0.2 * random.standard_normal((64, 1)) + 0.1 * random.standard_normal((64, 80))
    return {name: cells[:seeds] for name, cells in found.items()}


def race(gains: dict[str, float], looks: tuple[int, ...], margin: float = 0.0) -> Race:
    return Race("baseline", tuple(gains), looks, 0.95, margin)


@pytest.mark.parametrize(
    ("first", "most", "looks"),
    [(4, 16, (4, 6, 9, 14, 16)), (1, 3, (2, 3)), (5, 5, (5,)), (8, 4, (8,)), (2, 2, (2,))],
)
def test_looks_grow_by_half_up_to_the_most(first: int, most: int, looks: tuple[int, ...]) -> None:
    assert plan_looks(first, most) == looks


def run(found: Race, gains: dict[str, float]) -> Race:
    """Look until nothing is open; settled variants keep their seeds."""
    while waiting := found.open:
        place = found.next_look(waiting[0])
        count = {name: seen.seeds for name, seen in found.latest.items()}
        count |= dict.fromkeys(["baseline", *waiting], found.looks[place])
        found.look({name: scores(gains, 64)[name][:number] for name, number in count.items()}, waiting)
    return found


def test_what_is_clear_settles_at_the_first_look_and_gets_no_more_seeds() -> None:
    ended = run(race(GAINS, (4, 6, 9, 14, 16)), GAINS)
    assert [seen.look for seen in ended.seen if seen.variant == "clear"] == [0]
    assert ended.latest["clear"].found.verdict == "better"
    assert {seen.variant for seen in ended.seen} == set(GAINS) and not ended.open


def test_the_least_certain_come_first() -> None:
    started = race(GAINS, (4, 40, 60))
    assert started.open == list(GAINS)
    started.look(scores(GAINS, 4), list(GAINS))
    assert (
        started.open == sorted(started.open, key=lambda name: -started.latest[name].found.adjusted_p)
        and "clear" not in started.open
    )


def test_what_will_hardly_be_decided_is_given_up() -> None:
    hopeless = race({"same": 0.001}, (8, 9))
    hopeless.look(scores({"same": 0.001}, 8), ["same"])
    [seen] = hopeless.seen
    assert seen.found.verdict == "undecided" and seen.found.chance < 0.1 and seen.hopeless and not hopeless.open


def test_practically_equal_is_settled() -> None:
    ended = run(race({"same": 0.001}, (4, 8, 16, 32), margin=0.5), {"same": 0.001})
    assert ended.latest["same"].found.verdict == "practically equal"


def test_the_last_look_ends_the_race() -> None:
    ended = run(race({"slight": 0.2}, (2, 3)), {"slight": 0.2})
    assert not ended.open and ended.latest["slight"].look <= 1


def test_a_look_rejects_at_its_own_level() -> None:
    cells = scores({"slight": 1.0}, 4)
    alone = compare_pairs(cells, [("slight", "baseline")], 0.95)[0]
    early = compare_pairs(cells, [("slight", "baseline")], 0.95, look=Look((4, 64), 0))[0]
    level = nominal_levels(0.05, (4 / 64, 1.0))[0]
    assert (alone.verdict, early.verdict) == ("better", "undecided")
    assert level < alone.difference.p_value < 0.05
    assert early.difference.high - early.difference.low > alone.difference.high - alone.difference.low
    assert early.chance > 0.9, "much is to come"
