"""The picture of a grid: a cell a setting with its objective, in the order of the values, the best one framed."""

from pathlib import Path

import pytest
from matplotlib import pyplot
from matplotlib.patches import Rectangle
from optuna.trial import FrozenTrial, TrialState, create_trial

from regbench.config.ranges import Choices, Range
from regbench.config.search import Search
from regbench.search.grid_plot import draw_grid
from regbench.search.plan import Plan
from regbench.search.plots import write_plots
from regbench.search.space import distribution, grid

SPACE = {"dropout": Range(low=0, high=0.5, step=0.25), "l2": Choices(choices=(0, 1e-5, 1e-3, 1e-2))}


def plan(**search: object) -> Plan:
    settings = Search.model_validate({"sampler": "grid", "pruner": "none", "trials": 12, **search})
    return Plan("cocktail", "d", SPACE, settings, 4)


def trials(study: Plan, count: int) -> list[FrozenTrial]:
    distributions = {key: distribution(key, searched) for key, searched in SPACE.items()}
    return [
        create_trial(
            state=TrialState.COMPLETE,
            params=values,
            distributions=distributions,
            values=[0.1 + values["dropout"] + 10 * values["l2"]],
        )
        for values in grid(SPACE, study.search)[:count]
    ]


@pytest.mark.parametrize(
    ("objective", "best"), [("validation_loss", (-0.5, -0.5)), ("validation_accuracy", (2.5, 1.5))]
)
def test_each_setting_has_its_cell(objective: str, best: tuple[float, float]) -> None:
    study = plan(objective=objective)
    axes = draw_grid(study, trials(study, 12))
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {
        (column, row): f"{0.1 + dropout + 10 * l2:.3g}"
        for row, dropout in enumerate((0, 0.25, 0.5))
        for column, l2 in enumerate((0, 1e-5, 1e-3, 1e-2))
    }
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1e-05", "0.001", "0.01"]
    (frame,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert frame.get_xy() == best
    pyplot.close("all")


def test_settings_that_were_not_tried_have_no_number() -> None:
    study = plan()
    assert len(draw_grid(study, trials(study, 7)).texts) == 7
    pyplot.close("all")


def test_it_is_drawn_for_a_grid_of_two_ranges_alone(tmp_path: Path) -> None:
    for study, drawn in ((plan(), True), (plan(sampler="random"), False)):
        names = [path.name for path in write_plots(tmp_path / study.search.sampler, study, trials(study, 5))]
        assert ("grid.png" in names) == drawn
