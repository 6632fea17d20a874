"""Searches with real, tiny trainings: images, parameters, an engine, and what was trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.raw_images import write_canonical
from support.search_objectives import executor

from regbench.config.params import Params
from regbench.config.tuned import read_tuned
from regbench.config.variants import Variant
from regbench.data import ingest
from regbench.engine.augment import write_augmentations
from regbench.engine.run import Engine
from regbench.engine.store import Store
from regbench.engine.tasks import RUNS
from regbench.runtime.hardware import Hardware
from regbench.search.tune import tune

RANGE: dict[str, Any] = {"low": 1e-6, "high": 1e-1, "log": True, "start": 1e-3}
L2: dict[str, Any] = {"recipe": "plain", "l2": RANGE}
HARDWARE = Hardware("cpu", 1, "float32")


def make(variants: dict[str, dict[str, Any]] | None = None, **search: Any) -> Params:
    """Return parameters of a tiny search; `variants` are one with `l2` to be searched unless they are given."""
    return Params.model_validate(
        {
            "data": {"image_size": (8, 8), "split": {}},
            "recipes": {"plain": {}},
            "augment": {},
            "model": {"hidden": (6,)},
            "train": {"epochs": 3, "batch_size": 16},
            "seeds": (1,),
            "compute": {"device": "cpu"},
            "variants": variants or {"v": L2},
            "search": {"trials": 4, "startup": 2, **search},
            "evaluate": {},
            "track": {},
        }
    )


def one(**variant: Any) -> dict[str, dict[str, Any]]:
    """Return variants: one, `v`."""
    return {"v": {"recipe": "plain", **variant}}


def prepare_images(folder: Path) -> Path:
    """Ingest images and augment them; without a test split, so that whoever opens it fails."""
    write_canonical(folder / "raw", images=120, classes=("a", "b"))
    params = make()
    ingest.write(ingest.ingest(params.data.model_copy(update={"raw": str(folder / "raw")})), folder / "data")
    (folder / "data/test/images.npy").unlink()
    (folder / "data/test/index.csv").unlink()
    with engine(folder) as made:
        write_augmentations(made, params.recipes, params.augment, folder / "data", folder / "augmented")
    return folder


@contextmanager
def engine(folder: Path, kind: str = "inline", workers: int = 1) -> Iterator[Engine]:
    """Yield an engine with its store in `folder`; see `support.search_objectives.executor`."""
    with executor(kind, workers) as pool:
        yield Engine(pool, Store(folder / "store"), make().compute, HARDWARE)


def search(params: Params, images: Path, out: Path, kind: str = "inline", workers: int = 1) -> dict[str, Variant]:
    """Run the search of all variants with everything that it keeps in `out`; return them as they were resolved."""
    with engine(out, kind, workers) as made:
        places = (images / "data", images / "augmented", out / "tuned", out / "studies", out / "studies.journal")
        tune(made, params, *places)
    return {path.stem: read_tuned(path) for path in (out / "tuned").iterdir()}


def trained(out: Path) -> dict[str, int]:
    """Return the names of all stored trainings, and when each was written."""
    results = (out / "store" / RUNS).rglob("result.json")
    return {str(path.parent.relative_to(out)): path.stat().st_mtime_ns for path in results}


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all results of searches, seconds apart."""
    paths = [path for name in ("tuned", "studies") for path in sorted((folder / name).rglob("*"))]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in paths
        if path.is_file() and path.name != "timings.csv"
    }
