"""The arrays that every contender reads: the project's own splits, its augmented copies, and the same whitened."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.race import ROOT
from regbench.augmentation.reading import read_whitening
from regbench.augmentation.writing import write_recipe
from regbench.config.augmentation import Recipe
from regbench.config.checking import load_params
from regbench.data.dataset import load_split
from regbench.data.ingest import ingest, write
from regbench.data.sample import write_sample
from regbench.training.examples import Examples

RECIPES = {"plain": Recipe(), "affine": Recipe(rotate=10, shift=2, scale=0.1, shear=5), "zca": Recipe(zca=0.1)}


@dataclass(frozen=True)
class Arrays:
    """A folder with `{train,validation}_{pixels,white,labels}.npy` and a folder per recipe."""

    folder: Path
    raw: Path
    """What the images came from."""
    train: int
    """Images."""
    validation: int


def prepare_arrays(raw: Path | None, folder: Path, most: int | None) -> Arrays:
    """Ingest a raw data set (None: the embedded sample) and write the arrays, of at most `most` train images."""
    folder.mkdir(parents=True, exist_ok=True)
    if raw is None:
        raw = folder / "sample.zip"
        write_sample(raw)
    params = load_params(ROOT / "params.yaml")
    write(ingest(params.data.model_copy(update={"raw": str(raw)}), earlier_dir=folder / "data"), folder / "data")
    splits = {name: load_split(folder / "data", name) for name in ("train", "validation")}  # type: ignore[arg-type]
    whole = len(splits["train"].labels)
    train = min(most or whole, whole)
    counts = {"train": train, "validation": max(1, len(splits["validation"].labels) * train // whole)}
    for name, recipe in RECIPES.items():
        write_recipe(folder / name, splits["train"].images[:train], recipe, params.augment)
    for name, split in splits.items():
        images, labels = split.images[: counts[name]], split.labels[: counts[name]]
        rows = Examples(images[np.newaxis], labels, read_whitening(folder / "zca")).inputs().flatten(1)
        np.save(folder / f"{name}_pixels.npy", images)
        np.save(folder / f"{name}_labels.npy", labels)
        np.save(folder / f"{name}_white.npy", rows.numpy())
    return Arrays(folder, raw, **counts)
