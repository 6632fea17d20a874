"""Variants: as in `params.yaml`, with search ranges, and as training takes them, with numbers only."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from regbench.config.messages import explain
from regbench.config.network import SIZES, Model
from regbench.config.ranges import Choices, Range, Searchable, Value
from regbench.config.section import CountOrZero, Name, Rate, Section, Strength
from regbench.config.strengths import Strengths

SEARCHABLE_SETTINGS = ("learning_rate",)
"""Keys of a variant's `train` that may be a range."""
ON_HIDDEN_KERNELS = ("l1", "l2", "proximal", "max_norm")
"""Strengths that leave the output layer out."""


class SearchableVariant(Section):
    """A named regularization: a frozen record of `Strengths`, 0 or absent = off; any of them may be a range.

    >>> searched = SearchableVariant(recipe="plain", dropout=Range(low=0, high=0.6), l2=1e-4)
    >>> list(searched.ranges)
    ['dropout']
    >>> searched.resolve({"dropout": 0.25}).strengths.dropout
    0.25
    """

    recipe: Name
    """Key in `recipes` of what is done to the images."""
    l1: Searchable[Strength] = 0
    l2: Searchable[Strength] = 0
    dropout: Searchable[Rate] = 0
    input_dropout: Searchable[Rate] = 0
    batch_norm: Searchable[bool] = False
    patience: Searchable[CountOrZero] = 0
    proximal: Searchable[bool] = False
    weight_decay: Searchable[Strength] = 0
    max_norm: Searchable[Strength] = 0
    label_smoothing: Searchable[Rate] = 0
    mixup: Searchable[Strength] = 0
    input_noise: Searchable[Strength] = 0
    averaging: Searchable[Rate] = 0
    model: dict[str, Any] = Field(default={})
    """Keys of the section `model` that this variant overrides."""
    train: dict[str, Searchable[Any]] = Field(default={})
    """Keys of the section `train` that this variant overrides; `learning_rate` may be a range."""
    search: dict[str, Any] = Field(default={})
    """Keys of the section `search` that this variant overrides."""

    @property
    def ranges(self) -> dict[str, Range | Choices]:
        """What is to be searched, by dotted key below the variant, in the order of the fields."""
        strengths = {name: getattr(self, name) for name in type(self).model_fields}
        settings = {f"train.{name}": value for name, value in self.train.items()}
        return {key: value for key, value in (strengths | settings).items() if isinstance(value, Range | Choices)}

    def resolve(self, values: Mapping[str, Value]) -> "Variant":
        """Return the variant with a value, by dotted key, in the place of each range; KeyError if one is missing."""
        found = {key: values[key] for key in self.ranges}
        fields = {name: found.get(name, getattr(self, name)) for name in Variant.model_fields if name != "train"}
        train = {name: found.get(f"train.{name}", value) for name, value in self.train.items()}
        return Variant.model_validate({**fields, "train": train, "search": {}})


class Variant(Strengths, SearchableVariant):
    """A variant without ranges: what training takes."""

    train: dict[str, Any] = Field(default={})

    @property
    def strengths(self) -> Strengths:
        """The regularizers alone."""
        return Strengths.model_validate(self.model_dump(include=set(Strengths.model_fields)))


def variant_problems(name: str, variant: SearchableVariant, settings: type[Section]) -> list[str]:
    """Return what is wrong with a variant's ranges, or between its strengths, a line each with its dotted key.

    `settings` is the model of the section `train`, whose bounds hold for a range of one of its keys.
    """
    problems = []
    if variant.proximal is True and variant.l1 == 0:
        problems.append(f"variants.{name}.proximal = True: has no l1 to apply: give l1, or remove it")
    for key, searched in variant.ranges.items():
        parent, _, field = key.rpartition(".")
        place = ("variants", name, *key.split("."))
        if parent and field not in SEARCHABLE_SETTINGS:
            allowed = " or ".join(SEARCHABLE_SETTINGS)
            problems.append(f"{'.'.join(place)}: takes no range: give a value; in train only {allowed} takes one")
            continue
        problems += [f"{'.'.join(place)}.{problem}" for problem in searched.problems]
        for end, value in searched.extremes.items():
            record: dict[str, Any] = {field: value} if parent else {"recipe": "any", field: value}
            try:
                (settings if parent else Variant).model_validate(record)
            except ValidationError as error:
                problems += explain(error, Variant, place[:-1], tuple(end.split(".")))
    return problems


def network_problems(name: str, variant: SearchableVariant, model: Model) -> list[str]:
    """Return what is wrong between a variant and its network, as far as that is known without building it."""
    problems = []
    for key, network in SIZES.items():
        if key in variant.model and model.network != network:
            value = variant.model[key]
            shown = list(value) if isinstance(value, list | tuple) else value
            problems.append(
                f"variants.{name}.model.{key} = {shown}: is for the network {network}, this one is {model.network}: "
                "remove it"
            )
    if model.frozen and not model.weights:
        key = f"variants.{name}.model.frozen" if "frozen" in variant.model else "model.frozen"
        problems.append(f"{key} = True: random layers would stay random: give model.weights, or remove it")
    elif model.frozen:
        problems += [
            f"variants.{name}.{strength}: does nothing where model.frozen is true: the output layer alone is trained, "
            "and it has no penalty: remove one of them"
            for strength in ON_HIDDEN_KERNELS
            if getattr(variant, strength)
        ]
    return problems
