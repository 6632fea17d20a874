"""The typed, frozen mirror of `params.yaml`: every key with its range, unit and meaning."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from regbench.config.augmentation import Augment, Recipe
from regbench.config.retraining import Retrain
from regbench.config.search import Search
from regbench.config.section import Count, Name, Positive, Precision, Rate, Section, Seeds, Strength
from regbench.config.variants import SearchableVariant, Variant
from regbench.errors import InputError


class Split(Section):
    """How labelled images are divided."""

    method: Literal["hash", "as_listed"] = "hash"
    """`hash`: by content, so that an image never changes its split and duplicates stay together.
    `as_listed`: rows in order, the first ones train, the last ones validation, and no test."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the images; the best epoch is chosen on them."""
    test: Rate = 0.2
    """Fraction of the images; locked, only `evaluate` reads them. `as_listed` demands 0."""


class Data(Section):
    """Where the raw images are and what becomes of them."""

    raw: str = "data/sample.zip"
    """A folder, or a .zip, in the canonical layout; its files may stand under one top folder."""
    train_csv: str = "Train/train.csv"
    """Table with the columns `filename` and `label`."""
    train_images: str = "Train/Images/train"
    """Folder of the files that `train_csv` names."""
    test_csv: str = "Test/Test.csv"
    """Table with the column `filename`: unlabelled images; may be absent."""
    test_images: str = "Test/Images/test"
    """Folder of the files that `test_csv` names."""
    image_size: tuple[Count, Count] = (28, 28)
    """Height and width in pixels that every image is brought to."""
    channels: Literal[1, 3] = 1
    """1: grayscale, 3: RGB."""
    classes: tuple[str, ...] = ()
    """Labels in output order; empty: those that occur, sorted (numbers by value)."""
    max_rejected: Annotated[int, Field(ge=0)] = 0
    """Rows that may be left out as unusable before ingest refuses the whole data set."""
    split: Split = Split()


class Model(Section):
    """Shape of the multilayer perceptron; inputs and outputs follow from the data."""

    hidden: tuple[Count, ...] = (500, 500, 500, 500, 500)
    """Width of each hidden layer, units."""


class Train(Section):
    """The optimizer and the schedule of one training."""

    epochs: Count = 10
    """Passes over the train split, at most."""
    batch_size: Count = 128
    """Images a step."""
    learning_rate: Positive = 1e-3
    """Adam's step size; with `schedule` and `warmup`, its largest value."""
    schedule: Literal["constant", "cosine"] = "constant"
    """`cosine`: the learning rate falls from step to step by half a cosine, towards 0 at the end of `epochs`
    (Loshchilov & Hutter 2017)."""
    warmup: Strength = 0
    """Epochs, or a part of one, in which the learning rate first rises from 0 in proportion to the steps."""
    beta1: Rate = 0.9
    """Decay a step of the mean of gradients."""
    beta2: Rate = 0.999
    """Decay a step of the mean of squared gradients."""
    epsilon: Positive = 1e-7
    """Adam's epsilon as Keras applies it: added before the bias correction."""
    monitor: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"
    """What decides the best epoch, and what early stopping watches."""
    min_delta: Strength = 0
    """Smallest change of the monitored value that counts as an improvement."""


class Compute(Section):
    """What a training runs on."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: a GPU if there is one."""
    threads: Count = 1
    """Threads a training; another number gives results that differ in the last bits."""
    precision: Precision = "float32"
    """Of the matrix products while learning. `bfloat16` is faster where the processor knows it, and rounds to three
    digits; weights, Adam, penalties and all scores stay float32."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Trainings at a time; 0: cores divided by threads. Does not change any result."""

    @property
    def processes(self) -> int:
        """Worker processes to start."""
        return self.workers or max(1, len(os.sched_getaffinity(0)) // self.threads)


class Evaluate(Section):
    """How results are summed up."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Level of the intervals."""
    calibration_bins: Count = 15
    """Equal-width bins of confidence in the expected calibration error."""
    robustness_images: Annotated[int, Field(ge=0)] = 300
    """Images, the first ones of the split, that are also scored under each corruption and severity; 0: none."""


class Track(Section):
    """Where MLflow runs go; the server itself is chosen by MLFLOW_TRACKING_URI."""

    experiment: Name = "regbench"
    """One run a variant; `-seeds` is appended for the runs of single seeds, `-search` for searches."""
    system_metrics: bool = False
    """Whether runs that are logged from now on have curves of processor and memory use, named as MLflow names them."""


class Params(Section):
    """The whole of `params.yaml`."""

    data: Data
    recipes: Annotated[dict[Name, Recipe], Field(min_length=1)]
    augment: Augment
    model: Model
    train: Train
    seeds: Seeds
    """One training a variant and seed."""
    compute: Compute
    variants: Annotated[dict[Name, SearchableVariant], Field(min_length=1)]
    search: Search = Search()
    evaluate: Evaluate
    track: Track
    retrain: Retrain = Retrain()

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

    def training(self, variant: str) -> Train:
        """Return the training settings of a variant: the section `train` with the variant's own keys on top.

        Raises:
            InputError: as `strengths`.
        """
        return Train.model_validate({**self.train.model_dump(), **self.strengths(variant).train})

    def searching(self, variant: str) -> Search:
        """Return the search settings of a variant: the section `search` with the variant's own keys on top."""
        return Search.model_validate({**self.search.model_dump(), **self.variants[variant].search})

    def with_resolved(self, variants: Mapping[str, Variant]) -> "Params":
        """Return the parameters with searched variants in the place of those with ranges."""
        return self.model_copy(update={"variants": {**self.variants, **variants}})
