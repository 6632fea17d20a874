"""The parameters of a validation curve: one variant with different values of one hyperparameter."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from regbench.config.augmentation import Recipe
from regbench.config.messages import explain, nearest
from regbench.config.network import MLP
from regbench.config.params import Params
from regbench.config.ranges import plain
from regbench.config.section import Section
from regbench.config.strengths import Strengths
from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.errors import InputError

SIZES = ("width", "depth")
"""Sizes of the perceptron: units of each hidden layer, and number of hidden layers (all as wide as the first)."""
FEWEST = 2
"""Minimum number of values of a curve."""


def curve_keys() -> list[str]:
    """Return the hyperparameters that may have a curve: all that have numeric values."""
    strengths = _numbers(Strengths)
    recipe = [f"recipe.{name}" for name in _numbers(Recipe)]
    return [*strengths, *recipe, *(f"train.{name}" for name in _numbers(Train)), *SIZES]


def curve_params(params: Params, name: str, key: str, values: Sequence[float]) -> tuple[Params, dict[str, float]]:
    """Return parameters with one variant per value, in rising order, and the value of each variant by its name.

    Args:
        params: parameters with the variant `name` without ranges.
        name: name of the variant; all points share its settings except the value.
        key: one of `curve_keys`.
        values: in any order, two or more different ones.

    Raises:
        InputError: the key or a value is not possible for the variant.
    """
    if key not in curve_keys():
        raise InputError(f"key = {key}: has no curve: {nearest(key, curve_keys())}")
    chosen = sorted({float(value) for value in values})
    if len(chosen) < FEWEST:
        raise InputError(f"values = {list(values)}: a curve has {FEWEST} different ones or more: add some")
    points = {f"{key}-{value:g}": value for value in chosen}
    if len(points) < len(chosen):
        raise InputError(f"values = {list(values)}: some look alike with six digits: move them apart")
    variants, recipes = {}, dict(params.recipes)
    for point, value in points.items():
        try:
            variants[point], recipe = _point(params, name, key, plain(value))
        except ValidationError as error:
            reason = explain(error, Section)[0].rpartition(": ")[2]
            raise InputError(f"{key} = {value:g}: {reason}") from None
        if recipe is not None:
            recipes[point] = recipe
            variants[point] = variants[point].model_copy(update={"recipe": point})
    return params.model_copy(update={"variants": variants, "recipes": recipes}), points


def _point(params: Params, name: str, key: str, value: float) -> tuple[Variant, Recipe | None]:
    """Return the variant of a point, and its recipe if the hyperparameter is in the recipe."""
    variant = params.strengths(name)
    section, _, field = key.rpartition(".")
    if section == "recipe":
        return variant, Recipe.model_validate({**params.recipe(name).model_dump(), field: value})
    if section == "train":
        Train.model_validate({**params.training(name).model_dump(), field: value})
        return variant.model_copy(update={"train": {**variant.train, field: value}}), None
    if key in SIZES:
        return variant.model_copy(
            update={"model": {**variant.model, "hidden": _hidden(params, name, key, value)}}
        ), None
    return Variant.model_validate({**variant.model_dump(), key: value}), None


def _hidden(params: Params, name: str, key: str, value: float) -> tuple[int, ...]:
    model = params.network(name)
    if model.network != MLP:
        raise InputError(f"key = {key}: is of the network {MLP}, {name} has {model.network}: choose another key")
    if value != int(value) or value < 1:
        raise InputError(f"{key} = {value:g}: must be a whole number of 1 or more")
    sizes: dict[str, Callable[[int], tuple[int, ...]]] = {
        "width": lambda width: (width,) * len(model.hidden),
        "depth": lambda depth: model.hidden[:1] * depth,
    }
    return sizes[key](int(value))


def _numbers(section: type[Section]) -> list[str]:
    """Return the numeric fields of a section."""
    defaults: dict[str, Any] = {name: field.default for name, field in section.model_fields.items()}
    return [name for name, value in defaults.items() if isinstance(value, int | float) and not isinstance(value, bool)]
