"""A study of so many variants as a benchmark asks for: the sample's digits, and a small network."""

from pathlib import Path

from benchmarks.race import ROOT
from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.data import ingest, sample
from regbench.data.dataset import data_digest
from regbench.engine.augment import make_augmentations
from regbench.engine.experiment_spec import training_spec
from regbench.engine.run import Engine, Training

SEEDS = 100
"""Of each variant, where there are very many runs."""
FILES = {
    "history.csv": 1_000,
    "model.json": 300,
    "model.safetensors": 20_000,
    "result.json": 500,
    "spec.json": 1_500,
    "timings.csv": 700,
}
"""Files of a run, and their bytes."""


def small_params(variants: int, epochs: int = 1) -> Params:
    """Return the shipped parameters with a small network and so many variants, which train for so many epochs."""
    shipped = load_params(ROOT / "params.yaml")
    made = {f"v{number}": Variant(recipe="plain", l2=1e-6 * (number + 1)) for number in range(variants)}
    return shipped.model_copy(
        update={
            "recipes": {"plain": shipped.recipes["plain"]},
            "model": shipped.model.model_copy(update={"hidden": (100, 100)}),
            "train": shipped.train.model_copy(update={"epochs": epochs}),
            "variants": made,
        }
    )


def prepare_data(folder: Path) -> Path:
    """Ingest the sample of digits, unless it is there; return where the splits are."""
    out = folder / "data"
    if not out.exists():
        sample.write_sample(folder / "sample.zip")
        settings = load_params(ROOT / "params.yaml").data.model_copy(update={"raw": str(folder / "sample.zip")})
        ingest.write(ingest.ingest(settings), out)
    return out


def trainings_of(params: Params, engine: Engine, data: Path) -> list[Training]:
    """Return the trainings of all variants, their augmentations being made."""
    places = make_augmentations(engine, params.recipes, params.augment, data)
    digest, found = data_digest(data), []
    for name, variant in params.variants.items():
        place = places[variant.recipe]
        found.append(Training(name, training_spec(params, name, engine.hardware, digest, place.name), place))
    return found
