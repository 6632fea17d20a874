"""The section `data`: where the raw images are, and how they are read and split."""

from typing import Annotated, Literal

from pydantic import Field

from regbench.config.section import Count, CountOrZero, Rate, Section


class Split(Section):
    """How labelled images are divided."""

    method: Literal["auto", "hash", "given", "as_listed"] = "auto"
    """`hash`: by content, so that an image never changes its split and duplicates stay together.
    `given`: as the images come, in folders, files or a column called as splits; where no validation or no test images
    are given, those come out of train by hash. `auto`: given where there are such, else hash.
    `as_listed`: rows in order, the first ones train, the last ones validation, and no test."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the images; the best epoch is chosen on them."""
    test: Rate = 0.2
    """Fraction of the images; locked, only `evaluate` reads them. `as_listed` demands 0."""
    overlap: Literal["refuse", "train", "test"] = "refuse"
    """Equal images, or images of one group, that would be in several splits: refuse them, move all of them to
    train, or move them to test (to validation where none of them is in test)."""


class Data(Section):
    """Where the raw images are and what becomes of them."""

    raw: str = "data/sample.zip"
    """A folder, an archive (.zip, .tar, .tar.gz), or a single file such as `mnist.npz`."""
    layout: Literal["auto", "class_folders", "table", "pixel_table", "idx", "npz", "parquet"] = "auto"
    """How the images come: see docs/own-images.md. `auto`: as their files say."""
    train_csv: str = "Train/train.csv"
    """Table of labelled images; where it is not there, all tables are looked at."""
    train_images: str = "Train/Images/train"
    """Folder of the files that `train_csv` names."""
    test_csv: str = "Test/Test.csv"
    """Table of unlabelled images; may be absent."""
    test_images: str = "Test/Images/test"
    """Folder of the files that `test_csv` names."""
    image_column: str = ""
    """Column of file names; empty: the usual names."""
    label_column: str = ""
    """Column of labels; empty: the usual names."""
    split_column: str = ""
    """Column of given splits; empty: `split` or `subset`."""
    group: str = ""
    """Column of what images have in common (patient, writer, camera): images of one group never straddle splits, and
    groups are the unit of sampling in the intervals; empty: each image is its own group."""
    image_size: tuple[Count, Count] = (28, 28)
    """Height and width in pixels that every image is brought to."""
    channels: Literal[1, 3] = 1
    """1: grayscale, 3: RGB."""
    resize: Literal["stretch", "pad", "crop"] = "stretch"
    """How an image of another shape is brought to `image_size`: stretched, scaled to fit and padded, or scaled to fill
    and cropped about its centre."""
    background: Literal["auto", "black", "white"] = "auto"
    """What lies behind transparent pixels and in the padding. `auto`, for each image: the one of both that differs
    more from its visible pixels; for padding, the one nearer to its edge."""
    classes: tuple[str, ...] = ()
    """Labels in output order; empty: those that occur, sorted (numbers by value)."""
    max_rejected: CountOrZero = 0
    """Rows that may be left out as unusable before ingest refuses the whole data set."""
    split: Split = Split()


class IngestSections(Section):
    """What the stage `ingest` reads of `params.yaml`."""

    data: Data
