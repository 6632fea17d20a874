"""Variants: as `params.yaml` gives them, with ranges to search, and as training takes them, all numbers."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from regbench.config.messages import explain
from regbench.config.ranges import Choices, Range, Searchable, Value
from regbench.config.section import Name, Rate, Section, Strength

Patience = Annotated[int, Field(ge=0)]
SEARCHABLE_SETTINGS = ("learning_rate",)
"""Keys of a variant's `train` that may be a range."""


class SearchableVariant(Section):
    """A named regularization: a frozen record of strengths, 0 or absent = off; any of them may be a range."""

    recipe: Name
    """Key in `recipes` of what is done to the images."""
    l1: Searchable[Strength] = 0
    """Weight of the sum of absolute hidden kernel entries in the loss, as in Keras."""
    l2: Searchable[Strength] = 0
    """Weight of the sum of squared hidden kernel entries in the loss, as in Keras."""
    dropout: Searchable[Rate] = 0
    """Probability of dropping a unit after each hidden layer."""
    input_dropout: Searchable[Rate] = 0
    """Probability of dropping an input pixel."""
    batch_norm: Searchable[bool] = False
    """Batch normalization between each hidden layer's product and its ReLU."""
    patience: Searchable[Patience] = 0
    """Epochs without improvement after which training stops; 0: never."""
    proximal: Searchable[bool] = False
    """Whether `l1` shrinks kernels to true zeros by a soft threshold after each step of Adam, measured in the step's
    own scaling (ProxGen, Yun, Lozano & Yang 2021), and not by its subgradient, which leaves no weight at 0."""
    weight_decay: Searchable[Strength] = 0
    """Fraction of each kernel, the output layer's too, that a step takes away, times the learning rate: decoupled from
    the gradient (AdamW, Loshchilov & Hutter 2019)."""
    max_norm: Searchable[Strength] = 0
    """Largest Euclidean norm of a hidden unit's incoming weights, to which they are scaled back after each step
    (Srivastava et al. 2014)."""
    label_smoothing: Searchable[Rate] = 0
    """Part of each training label that is spread evenly over all classes (Szegedy et al. 2016)."""
    mixup: Searchable[Strength] = 0
    """Alpha of the Beta(alpha, alpha) distribution by which pairs of training images, and their labels, are mixed, a
    draw a batch (Zhang et al. 2018)."""
    input_noise: Searchable[Strength] = 0
    """Standard deviation of Gaussian noise on the training inputs: pixels scaled to 0..1, or whitened (Bishop 1995)."""
    averaging: Searchable[Rate] = 0
    """Decay a step of the mean of the weights, which is what is evaluated and kept (Polyak & Juditsky 1992, in the
    exponential, bias-corrected form of Kingma & Ba 2015, section 7.2)."""
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
        """Return the variant with a value, by dotted key, in the place of each range; KeyError if one lacks."""
        found = {key: values[key] for key in self.ranges}
        fields = {name: found.get(name, getattr(self, name)) for name in Variant.model_fields if name != "train"}
        train = {name: found.get(f"train.{name}", value) for name, value in self.train.items()}
        return Variant.model_validate({**fields, "train": train, "search": {}})


class Variant(SearchableVariant):
    """A variant without ranges: what training takes."""

    l1: Strength = 0
    l2: Strength = 0
    dropout: Rate = 0
    input_dropout: Rate = 0
    batch_norm: bool = False
    patience: Patience = 0
    proximal: bool = False
    weight_decay: Strength = 0
    max_norm: Strength = 0
    label_smoothing: Rate = 0
    mixup: Strength = 0
    input_noise: Strength = 0
    averaging: Rate = 0
    train: dict[str, Any] = Field(default={})


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
