"""The section `data`: where the raw images are and what becomes of them."""

from typing import Annotated, Literal

from pydantic import Field

from regbench.config.section import Count, Rate, Section


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


class IngestSections(Section):
    """What the stage `ingest` reads of `params.yaml`."""

    data: Data
