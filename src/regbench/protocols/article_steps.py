"""The tutorial's steps as data: the steps in order, the claim of each, and the result that would support the claim."""

from dataclasses import dataclass
from typing import Literal

from regbench.config.augmentation import Augment, Recipe
from regbench.config.data import Data, Split
from regbench.config.network import Model
from regbench.config.params import Params
from regbench.config.training import Train
from regbench.config.variants import Variant

Expectation = Literal["better", "not better", "fewer epochs"]

KERAS_EPSILON = 1e-6
"""Default value that Keras's ImageDataGenerator adds to the eigenvalues in ZCA."""
RECIPES = {
    "plain": Recipe(),
    "zca": Recipe(zca=KERAS_EPSILON),
    "zca_mild": Recipe(zca=0.1),
    "affine": Recipe(rotate=10, shift=2, scale=0.1, shear=5),
}
DROPOUT = 0.25


@dataclass(frozen=True)
class Step:
    """One row of the table."""

    number: str
    """The tutorial's step; a letter where one step has several readings."""
    name: str
    """Name of the variant."""
    variant: Variant
    setting: str
    """The setting in words."""
    claim: str
    against: str = ""
    """Name of the variant that the claim compares with."""
    expects: Expectation | None = None


STEPS = (
    Step("1", "baseline", Variant(recipe="plain"), "784-500x5-10, ReLU, Adam, 10 epochs", "the reference"),
    Step(
        "2",
        "l2",
        Variant(recipe="plain", l2=1e-4),
        "L2 1e-4 on hidden layers",
        "better than the baseline",
        "baseline",
        "better",
    ),
    Step("3", "l1", Variant(recipe="plain", l1=1e-4), "L1 1e-4 on hidden layers", "no improvement", "l2", "not better"),
    Step(
        "4",
        "dropout",
        Variant(recipe="plain", dropout=DROPOUT),
        "dropout 0.25 after hidden layers",
        "a little better than the baseline",
        "baseline",
        "better",
    ),
    Step(
        "5a",
        "zca_as_run",
        Variant(recipe="plain", dropout=DROPOUT),
        "step 4, whitening fitted but never applied, as the code runs",
        "a big leap",
        "dropout",
        "better",
    ),
    Step(
        "5b",
        "zca",
        Variant(recipe="zca", dropout=DROPOUT),
        "step 4 on whitened images, Keras's epsilon 1e-6, as the text means",
        "a big leap",
        "dropout",
        "better",
    ),
    Step(
        "5c",
        "zca_mild",
        Variant(recipe="zca_mild", dropout=DROPOUT),
        "the same, epsilon 0.1",
        "a big leap",
        "dropout",
        "better",
    ),
    Step(
        "5d",
        "affine",
        Variant(recipe="affine", dropout=DROPOUT),
        "step 4 on rotated, shifted, scaled images, which the text names",
        "augmentation works every time",
        "dropout",
        "better",
    ),
    Step(
        "6a",
        "early_stopping_as_run",
        Variant(recipe="plain", dropout=DROPOUT, patience=2),
        "step 5a, patience 2",
        "saves epochs: stops after 5",
        "zca_as_run",
        "fewer epochs",
    ),
    Step(
        "6b",
        "early_stopping",
        Variant(recipe="zca", dropout=DROPOUT, patience=2),
        "step 5b, patience 2",
        "saves epochs: stops after 5",
        "zca",
        "fewer epochs",
    ),
)


def article_data(data: Data) -> Data:
    """Return the data settings with the tutorial's split: rows in order, 70 % train, 30 % validation, no test."""
    return data.model_copy(update={"split": Split(method="as_listed", validation=0.3, test=0)})


def article_params(params: Params, seeds: tuple[int, ...]) -> Params:
    """Return the tutorial's parameters; from `params` it keeps the layout of the images and the compute settings."""
    return params.model_copy(
        update={
            "data": article_data(params.data),
            "recipes": RECIPES,
            "augment": Augment(copies=10, seed=128),
            "model": Model(hidden=(500, 500, 500, 500, 500)),
            "train": Train(epochs=10, batch_size=128, learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7),
            "seeds": seeds,
            "variants": {step.name: step.variant for step in STEPS},
        }
    )
