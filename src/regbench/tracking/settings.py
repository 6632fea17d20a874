"""A variant's settings as MLflow parameters, and its colour in charts."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regbench.config.colours import colours
from regbench.config.params import Params
from regbench.runtime.redaction import shown_path


def colour(params: Params, name: str) -> str:
    """Return a variant's colour, as #RRGGBB."""
    return colours(params.names)[name]


def settings(params: Params, name: str) -> dict[str, str]:
    """All that decides a variant's result, flat; strengths without a prefix, since they are what is compared.

    Of an ensemble, how its networks answer as one, and where they are of one variant, the settings of that.
    """
    if name in params.ensembles:
        ensemble = params.ensembles[name]
        found = settings(params, ensemble.of[0]) if len(ensemble.of) == 1 else _shared(params)
        own = {"variant": name, "method": ensemble.method, "of": text(ensemble.of), "networks": text(ensemble.size)}
        return found | own
    sections: dict[str, dict[str, Any]] = {
        "": {"variant": name, **params.strengths(name).model_dump(exclude={"model", "train", "search"})},
        "recipe.": params.recipe(name).model_dump(),
        "train.": params.training(name).model_dump(),
        "model.": params.network(name).model_dump(),
    }
    return _flat(sections) | _shared(params)


def _shared(params: Params) -> dict[str, str]:
    """Return the settings that all variants have in common."""
    sections = {
        "augment.": params.augment.model_dump(),
        "data.": params.data.model_dump(include={"raw", "image_size", "channels"}),
        "data.split.": params.data.split.model_dump(),
        "compute.": params.compute.model_dump(include={"device", "precision", "threads"}),
    }
    return _flat(sections) | {"data.raw": shown_path(params.data.raw)}


def _flat(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {prefix + key: text(value) for prefix, part in sections.items() for key, value in part.items()}


def text(value: Any) -> str:
    """Return a setting as text; 0 and 0.0 look the same, as they are."""
    return " ".join(text(item) for item in value) if isinstance(value, tuple | list) else str(value).removesuffix(".0")


def machine_tags(timings: pd.DataFrame) -> dict[str, str]:
    """Return processor and software from a table of timings; of the last machine, if there were several."""
    return {name: str(timings[name].iloc[-1]) for name in ("processor", "software") if name in timings}
