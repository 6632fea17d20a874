"""The sections of `params.yaml` that decide what is trained and compared."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field

from regbench.config.augmentation import Augment, Recipe
from regbench.config.compute import Compute
from regbench.config.ensembles import Ensemble
from regbench.config.evaluation import Evaluate
from regbench.config.network import Model
from regbench.config.search import Search
from regbench.config.section import Name, Section, Seeds
from regbench.config.training import Train
from regbench.config.variants import SearchableVariant, Variant
from regbench.errors import InputError


class Experiment(Section):
    """Variants, and all that they share; any of their hyperparameters may be a range."""

    recipes: Annotated[dict[Name, Recipe], Field(min_length=1)]
    augment: Augment
    model: Model
    train: Train
    seeds: Seeds
    """One training per variant and seed."""
    compute: Compute
    variants: Annotated[dict[Name, SearchableVariant], Field(min_length=1)]
    ensembles: dict[Name, Ensemble] = Field(default={})
    """Several networks that answer as one, by name; compared like variants."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that is compared: the variants, then the ensembles, in the order of `params.yaml`."""
        return (*self.variants, *self.ensembles)

    def recipe(self, variant: str) -> Recipe:
        """Return the recipe that a variant names."""
        return self.recipes[self.variants[variant].recipe]

    def strengths(self, variant: str) -> Variant:
        """Return a variant that has no ranges, or none left.

        Raises:
            InputError: it has some: `with_resolved` puts numbers in their place.
        """
        ranges = self.variants[variant].ranges
        if ranges:
            key = f"variants.{variant}.{next(iter(ranges))}"
            raise InputError(f"params.yaml: {key}: is a range: run the stage tune, which chooses a value, first")
        return self.variants[variant].resolve({})

    def network(self, variant: str) -> Model:
        """Return the network of a variant: the section `model` with the variant's own keys on top."""
        return Model.model_validate({**self.model.model_dump(), **self.variants[variant].model})

    def training(self, variant: str) -> Train:
        """Return the training settings of a variant: the section `train` with the variant's own keys on top.

        Raises:
            InputError: as `strengths`.
        """
        return Train.model_validate({**self.train.model_dump(), **self.strengths(variant).train})

    def with_resolved(self, variants: Mapping[str, Variant]) -> Self:
        """Return the parameters with searched variants in the place of those with ranges."""
        return self.model_copy(update={"variants": {**self.variants, **variants}})


class SearchedExperiment(Experiment):
    """An experiment, and how the ranges in it are searched."""

    search: Search = Search()

    def searching(self, variant: str) -> Search:
        """Return the search settings of a variant: the section `search` with the variant's own keys on top."""
        return Search.model_validate({**self.search.model_dump(), **self.variants[variant].search})


class EvaluatedExperiment(Experiment):
    """An experiment, and how its results are summed up."""

    evaluate: Evaluate
