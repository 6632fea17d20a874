"""Draws a grid of two ranges as a coloured table: one cell per setting, with its objective."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from regbench.search.plan import Plan
from regbench.search.space import directions, grid_values

LARGEST = 12
"""Values of a range up to which cells have their number in them."""


def draw_grid(plan: Plan, complete: Sequence[FrozenTrial]) -> Axes:
    """Draw the first objective of each setting: the first range upwards, the second across, the best cell framed.

    Settings that were pruned, failed or not tried stay grey.
    """
    keys = list(plan.space)
    values = [grid_values(key, plan.space[key], plan.search.grid_points) for key in keys]
    reached = {tuple(trial.params[key] for key in keys): trial.values[0] for trial in complete}
    table = np.array([[reached.get((row, column), np.nan) for column in values[1]] for row in values[0]])
    axes: Axes = pyplot.subplots(figsize=(1.6 + 0.8 * len(values[1]), 1.4 + 0.5 * len(values[0])))[1]
    lower = directions(plan.search)[0] == "minimize"
    image = axes.imshow(table, origin="lower", aspect="auto", cmap="viridis_r" if lower else "viridis")
    axes.grid(False)
    axes.set_xticks(range(len(values[1])), [_text(value) for value in values[1]])
    axes.set_yticks(range(len(values[0])), [_text(value) for value in values[0]])
    axes.set_xlabel(keys[1])
    axes.set_ylabel(keys[0])
    axes.set_title(f"{plan.search.objective} of each setting; framed: the best")
    pyplot.colorbar(image, ax=axes)
    if np.isfinite(table).any():
        row, column = np.unravel_index(np.nanargmin(table if lower else -table), table.shape)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#d00", linewidth=2))
    if max(table.shape) <= LARGEST:
        _write_numbers(axes, image, table)
    return axes


def _write_numbers(axes: Axes, image: AxesImage, table: NDArray[np.float64]) -> None:
    """Write each cell's number into it, white on dark colours."""
    colours = np.asarray(image.to_rgba(table))
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            light = colours[row, column, :3] @ (0.299, 0.587, 0.114) > 0.5
            colour = "k" if light else "w"
            axes.text(column, row, f"{value:.3g}", ha="center", va="center", color=colour, fontsize=8)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
