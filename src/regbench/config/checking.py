"""Checks `params.yaml`: finds all mistakes before anything runs, and reports all of them at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regbench.config.ensembles import ensemble_problems
from regbench.config.loading import read_yaml
from regbench.config.messages import explain, nearest
from regbench.config.params import Params
from regbench.config.retraining import BEST
from regbench.config.section import Section
from regbench.config.training import Train
from regbench.config.variants import network_problems, variant_problems
from regbench.errors import InputError

COLOUR_ONLY = ("saturation", "hue")
"""Strengths of a recipe that need RGB images."""

IMBALANCE = {"class_weights", "sampling"}
"""Settings of `train` each of which corrects for classes of unequal size."""


def load_params(path: Path) -> Params:
    """Read and check `params.yaml`.

    Raises:
        InputError: every problem found, one line each:
            `params.yaml: variants.l2.dropout = 1.5: must be less than 1`.

    >>> params = load_params(Path("params.yaml"))
    >>> params.variants["l2"].l2, params.training("l2").epochs
    (0.0001, 10)
    """
    try:
        params = Params.model_validate(read_yaml(path))
        problems = _cross_checks(params)
    except ValidationError as error:
        problems = explain(error, Params)
    if problems:
        raise InputError("\n".join(f"{path}: {problem}" for problem in problems))
    return params


def _cross_checks(params: Params) -> list[str]:
    problems = []
    split = params.data.split
    if split.validation + split.test >= 1:
        problems.append(f"data.split.test = {split.test}: validation + test must be below 1: leave some to train on")
    if split.method == "as_listed" and split.test:
        problems.append(f"data.split.test = {split.test}: must be 0 where method is as_listed: the article has no test")
    if odd := [label for label in params.data.classes if label != label.strip() or not label]:
        problems.append(f"data.classes = {odd}: labels are read without outer blanks and are never empty: correct them")
    if len(set(params.seeds)) < len(params.seeds):
        problems.append(f"seeds = {list(params.seeds)}: must differ from each other: remove the repeated ones")
    problems += _colour_problems(params)
    problems += _imbalance_problems(params.train.model_dump(), "train")
    challenger = params.retrain.challenger
    if challenger not in (BEST, *params.names):
        hint = nearest(challenger, (BEST, *params.names))
        problems.append(f"retrain.challenger = {challenger!r}: must be {BEST!r} or a key of variants: {hint}")
    problems += ensemble_problems(params.ensembles, params.variants, params.train)
    for name, variant in params.variants.items():
        if variant.recipe not in params.recipes:
            hint = nearest(variant.recipe, params.recipes)
            problems.append(f"variants.{name}.recipe = {variant.recipe!r}: must be a key of recipes: {hint}")
        problems += variant_problems(name, variant, Train)
        if variant.batch_norm is not False and variant.train.get("batch_size", params.train.batch_size) == 1:
            problems.append(
                f"variants.{name}.batch_norm = True: one image has no variance: set train.batch_size to 2 or more"
            )
        wrong = _merge_problems(params.model, variant.model, ("variants", name, "model"))
        problems += wrong or network_problems(name, variant, params.network(name))
        fixed = {key: value for key, value in variant.train.items() if f"train.{key}" not in variant.ranges}
        problems += _merge_problems(params.train, fixed, ("variants", name, "train"))
        if IMBALANCE & fixed.keys():
            problems += _imbalance_problems({**params.train.model_dump(), **fixed}, f"variants.{name}.train")
        wrong = _merge_problems(params.search, variant.search, ("variants", name, "search"))
        if variant.ranges and not wrong:
            found = params.searching(name).problems(variant.ranges)
            wrong = [f"variants.{name}: search.{problem}" for problem in found]
        problems += wrong
    return list(dict.fromkeys(problems))  # A problem of all variants is reported once.


def _colour_problems(params: Params) -> list[str]:
    strengths = [(name, key, getattr(recipe, key)) for name, recipe in params.recipes.items() for key in COLOUR_ONLY]
    return [
        f"recipes.{name}.{key} = {value}: changes no grayscale image: remove it, or set data.channels to 3"
        for name, key, value in strengths
        if value and params.data.channels == 1
    ]


def _imbalance_problems(settings: Mapping[str, Any], key: str) -> list[str]:
    if any(settings[name] != "balanced" for name in IMBALANCE):
        return []
    return [f"{key}.class_weights = 'balanced': corrects twice beside sampling = 'balanced': switch one of them off"]


def _merge_problems(section: Section, overrides: Mapping[str, Any], key: tuple[str, ...]) -> list[str]:
    try:
        type(section).model_validate({**section.model_dump(), **overrides})
    except ValidationError as error:
        return explain(error, type(section), key)
    return []
