"""Pictures of a study, drawn by Optuna."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import optuna
from matplotlib import pyplot
from matplotlib.axes import Axes
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as draw

from regbench.files import atomic
from regbench.search.grid_plot import draw_grid
from regbench.search.plan import Plan
from regbench.search.study_files import frozen_study, importances

matplotlib.use("Agg")
DPI = 110
CONTOURS = 10
"""Complete trials from which contours are drawn: between fewer points they show the interpolation and nothing else."""


def write_plots(folder: Path, plan: Plan, trials: Sequence[FrozenTrial]) -> list[Path]:
    """Draw what the study allows into `folder` and return the pictures.

    Always the history and slices; with pruning the curves of trials; with several ranges their importances and
    parallel coordinates, and contours from 10 complete trials on; with two objectives the Pareto front. A grid of two
    ranges is drawn as a table of colours.
    """
    study = frozen_study(plan, trials)
    target: dict[str, Any] = {"target": lambda trial: trial.values[0], "target_name": plan.search.objective}
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    drawn: dict[str, Callable[[], Any]] = {
        "history": lambda: draw.plot_optimization_history(study, **target),
        "slice": lambda: draw.plot_slice(study, **target),
    }
    if any(trial.intermediate_values for trial in trials):
        drawn["curves"] = lambda: draw.plot_intermediate_values(study)
    if len(plan.space) > 1 and len(complete) > 1:
        drawn["parallel_coordinate"] = lambda: draw.plot_parallel_coordinate(study, **target)
    if len(plan.space) > 1 and len(complete) >= CONTOURS:
        drawn["contour"] = lambda: _contours(study, len(plan.space), **target)
    if plan.search.sampler == "grid" and len(plan.space) == 2:
        drawn["grid"] = lambda: draw_grid(plan, complete)
    if shares := importances(study):
        drawn["importances"] = lambda: _bars(shares)
    if len(study.directions) > 1:
        names: list[str] = [plan.search.objective, plan.search.second]
        drawn["pareto_front"] = lambda: draw.plot_pareto_front(study, target_names=names)
    return [_save(folder / f"{name}.png", function) for name, function in drawn.items()]


def _contours(study: optuna.Study, ranges: int, **target: Any) -> None:
    """Draw a panel for each pair of ranges, large enough for the names between them."""
    size = max(6.4, 2.8 * ranges), max(4.8, 2.4 * ranges)
    with pyplot.rc_context({"figure.figsize": size, "figure.constrained_layout.use": True}):
        draw.plot_contour(study, **target)


def _bars(shares: dict[str, float]) -> None:
    pyplot.subplots()[1].barh(list(shares)[::-1], list(shares.values())[::-1])
    pyplot.title("Share of the variance of good trials (PED-ANOVA)")


def _save(path: Path, function: Callable[[], Axes | Any]) -> Path:
    with warnings.catch_warnings():
        # Experimental functions, and contours of few points.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        function()
        figure = pyplot.gcf()
        with atomic(path) as temporary:
            figure.savefig(temporary, dpi=DPI, bbox_inches="tight")
        pyplot.close("all")
    return path
