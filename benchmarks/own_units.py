"""regbench's work around training in races: augmentation, ingest, whitening. A turn is one unit of one of them."""

import argparse
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import stages  # noqa: F401  (what it sets for its process is set where the pipeline does this work)
from benchmarks.data import RECIPES
from benchmarks.race import ROOT
from benchmarks.worker import Turns
from regbench.augmentation.distortion import copies
from regbench.augmentation.zca import fit_whitening
from regbench.config.augmentation import Augment
from regbench.config.checking import load_params
from regbench.data.ingest import ingest, write
from regbench.training.examples import Examples

ADDED = 1000
"""Images that are new in the second ingest."""

Unit = Callable[[], int]
"""Does one unit and returns how many images it was."""


def augmentation(folder: Path, _: Path) -> Unit:
    """Return: change every train image once."""
    pixels = np.load(folder / "train_pixels.npy")

    def unit() -> int:
        return sum(len(changed) for _, _, changed in copies(pixels, RECIPES["affine"], Augment(copies=1)))

    return unit


def whitening(folder: Path, _: Path) -> Unit:
    """Return: fit ZCA to the train images and whiten them."""
    pixels = np.load(folder / "train_pixels.npy")

    def unit() -> int:
        fitted = fit_whitening(pixels, RECIPES["zca"].zca)
        return len(Examples(pixels[np.newaxis], torch.zeros(len(pixels)), fitted).inputs())

    return unit


def whole_ingest(folder: Path, raw: Path) -> Unit:
    """Return: ingest the raw data set from nothing."""
    return _ingest(raw, None, folder / "ingested")


def second_ingest(folder: Path, raw: Path) -> Unit:
    """Return: ingest the raw data set where an earlier ingest lacked its last ADDED rows."""
    before = folder / "before.zip"
    table = load_params(ROOT / "params.yaml").data.train_csv
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(before, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            if member.filename.endswith(table):
                content = b"".join(content.splitlines(keepends=True)[:-ADDED])
            target.writestr(member, content)
    _ingest(before, None, folder / "before")()
    return _ingest(raw, folder / "before", folder / "after")


def _ingest(raw: Path, earlier: Path | None, out: Path) -> Unit:
    data = load_params(ROOT / "params.yaml").data.model_copy(update={"raw": str(raw)})

    def unit() -> int:
        shutil.rmtree(out, ignore_errors=True)
        ingested = ingest(data, earlier)
        write(ingested, out)
        return len(ingested.index)

    return unit


UNITS = {f.__name__: f for f in (augmentation, whitening, whole_ingest, second_ingest)}


def main() -> None:
    """Take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("unit", choices=UNITS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("raw", type=Path)
    parser.add_argument("number")
    given = parser.parse_args()
    turns = Turns()
    unit = UNITS[given.unit](given.folder, given.raw)
    turns.ready()
    while True:
        turns.done(images=unit())


if __name__ == "__main__":
    main()
