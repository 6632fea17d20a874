"""A small study: parameters and made-up images, and what tells whether something was trained again."""

from pathlib import Path

from support.raw_images import write_canonical

from regbench.config.augmentation import Recipe
from regbench.config.checking import load_params
from regbench.config.network import Model
from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.engine.tasks import RUNS
from regbench.protocols.protocol import ingest_raw

ROOT = Path(__file__).parents[2]
COCKTAIL = Variant(recipe="affine", l2=1e-4, dropout=0.2, batch_norm=True, patience=2)


def small_params() -> Params:
    """Return the shipped parameters with small images, a small network, four variants and two seeds."""
    shipped = load_params(ROOT / "params.yaml")
    return shipped.model_copy(
        update={
            "data": shipped.data.model_copy(update={"image_size": (8, 8)}),
            "recipes": {"plain": Recipe(), "affine": Recipe(rotate=10, shift=1), "zca": Recipe(zca=0.1)},
            "augment": shipped.augment.model_copy(update={"copies": 2}),
            "model": Model(hidden=(8, 6)),
            "train": shipped.train.model_copy(update={"epochs": 2, "batch_size": 16}),
            "seeds": (128, 129),
            "variants": {
                "baseline": Variant(recipe="plain"),
                "l2": Variant(recipe="plain", l2=1e-3),
                "zca": Variant(recipe="zca"),
                "cocktail": COCKTAIL,
            },
        }
    )


def small_data(folder: Path) -> Path:
    """Ingest 120 images of three classes into `folder`; return where the splits are."""
    raw = write_canonical(folder / "raw.zip", images=120, classes=("a", "b", "c"))
    return ingest_raw(small_params().data, raw, folder / "ingested")


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file, by path, without the temporary ones that a kill may leave."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def times(folder: Path) -> dict[Path, int]:
    """Return when each finished run was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")}


def trained(store: Path) -> dict[Path, int]:
    """Return when each run in a store was written."""
    return times(store / RUNS)
