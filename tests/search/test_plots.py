"""The pictures of a study: which ones there are, and whether they have room."""

from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial
from PIL import Image

from regbench.config.ranges import Range
from regbench.config.search import Search
from regbench.search.plan import Plan
from regbench.search.plots import DPI, write_plots
from regbench.search.space import distribution

NAMES = ("dropout", "input_dropout", "l2", "l1")


def draw(folder: Path, ranges: int, count: int) -> dict[str, Path]:
    """Draw a study of complete trials whose values lie on a diagonal and beside it."""
    space = {name: Range(low=0, high=0.5) for name in NAMES[:ranges]}
    distributions = {key: distribution(key, searched) for key, searched in space.items()}

    def trial(number: int) -> FrozenTrial:
        values = {name: (number * (place + 1) % count) / (2 * count) for place, name in enumerate(space)}
        return create_trial(
            state=TrialState.COMPLETE, params=values, distributions=distributions, values=[sum(values.values())]
        )

    study = Plan("cocktail", "d", space, Search.model_validate({"pruner": "none", "trials": count}), 4)
    return {path.stem: path for path in write_plots(folder, study, [trial(number) for number in range(count)])}


@pytest.mark.parametrize(("ranges", "count", "drawn"), [(1, 10, False), (2, 9, False), (2, 10, True)])
def test_contours_are_drawn_where_there_are_points_enough(tmp_path: Path, ranges: int, count: int, drawn: bool) -> None:
    assert ("contour" in draw(tmp_path, ranges, count)) == drawn


def test_contours_of_more_ranges_have_more_room(tmp_path: Path) -> None:
    sizes = [Image.open(draw(tmp_path / str(ranges), ranges, 10)["contour"]).size for ranges in (2, 4)]
    assert sizes[0][0] < 7 * DPI
    assert sizes[1][0] > 10 * DPI and sizes[1][1] > 9 * DPI
