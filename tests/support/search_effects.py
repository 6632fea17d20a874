"""What parameters of the search do: what Optuna is told, and what comes of real, tiny searches."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from support.searches import make, prepare_images
from support.searches import search as run_search

from regbench.config.params import Params
from regbench.config.ranges import Range
from regbench.config.search import Search
from regbench.config.variants import SearchableVariant
from regbench.search import space, tune

SPACE = {"l2": Range(low=0.1, high=0.2), "dropout": Range(low=0.1, high=0.2)}


def study_settings(params: Params, _: Path) -> Any:
    """All that Optuna is told; the pruner and sampler show their settings."""
    search = params.searching("v")
    tools = [vars(space.sampler(search, 3)), vars(space.pruner(search, 9))]
    shown = [sorted((key, value) for key, value in tool.items() if isinstance(value, int | float)) for tool in tools]
    names = type(space.sampler(search, 3)).__name__, type(space.pruner(search, 9)).__name__
    draws = space.sampler(search, 3)._rng.rng.random() if search.sampler == "random" else None
    return space.budget(SPACE, search), names, shown, space.directions(search), draws, space.grid(SPACE, search)


def search_range(params: Params, folder: Path, **search: Any) -> tuple[bytes, bytes]:
    """Search a range for real; return the tables of trials and of finalists under fresh seeds."""
    if not (folder / "data").exists():
        prepare_images(folder)
    variant = SearchableVariant(recipe="plain", l2=Range(low=1e-6, high=1e-1, log=True, start=1e-3))
    settings = {**params.search.model_dump(), "trials": 5, "startup": 2, **search}
    tiny = make().model_copy(
        update={
            "variants": {"v": variant},
            "search": Search.model_validate(settings),
            "train": params.train.model_copy(update={"epochs": 4}),
        }
    )
    with TemporaryDirectory(dir=folder) as out, patch.object(tune, "write_plots"):
        run_search(tiny, folder, Path(out))
        study = Path(out) / "studies/v"
        return (study / "trials.csv").read_bytes(), (study / "repeats.csv").read_bytes()


def search_two_objectives(params: Params, folder: Path) -> tuple[bytes, bytes]:
    """Search with the share of weights that are not zero as the second objective."""
    return search_range(params, folder, second="nonzero_weights", pruner="none")
