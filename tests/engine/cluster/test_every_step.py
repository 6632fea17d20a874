"""Augmentations, searches, trainings and evaluations on workers that the stage starts and stops: the same bytes."""

from pathlib import Path
from typing import Any

import psutil
import pytest
from support.small_engine import write_data
from support.small_study import files, small_params

from regbench.config.params import Params
from regbench.config.tuned import with_tuned
from regbench.config.variants import SearchableVariant
from regbench.engine.augment import write_augmentations
from regbench.engine.pipeline import train_variants
from regbench.engine.run import open_engine
from regbench.evaluation.evaluate import evaluate_all
from regbench.search.tune import tune

pytestmark = pytest.mark.slow
RESULTS = ("augmented", "tuned", "studies", "runs", "evaluation", "metrics")


def params_with_search() -> Params:
    params = small_params()
    ranged = SearchableVariant.model_validate({"recipe": "affine", "l2": {"low": 1e-5, "high": 1e-3, "log": True}})
    search = params.search.model_copy(update={"trials": 3, "epochs": 1})
    variants = {"zca": params.variants["zca"], "searched": ranged}
    return params.model_copy(update={"search": search, "seeds": (1,), "variants": variants})


def run_stages(params: Params, data: Path, out: Path, **compute: Any) -> dict[str, bytes]:
    """Do what the stages do, and return the bytes of all results; seconds and pictures of them are none."""
    settings = params.compute.model_validate({"device": "cpu", "workers": 2, **compute})
    place = {name: out / name for name in (*RESULTS, "timings", "live", "studies.journal")}
    with open_engine(settings, out / "store") as engine:
        write_augmentations(engine, params.recipes, params.augment, data, place["augmented"])
        searched = (place[name] for name in ("tuned", "studies", "studies.journal"))
        tune(engine, params, data, place["augmented"], *searched)
        resolved = with_tuned(params, place["tuned"])
        folders = (place[name] for name in ("augmented", "runs", "timings", "live"))
        train_variants(engine, resolved, data, *folders)
        evaluate_all(engine, resolved, data, place["runs"], place["evaluation"], place["metrics"])
    found = {f"{name}/{path}": content for name in RESULTS for path, content in files(place[name]).items()}
    return {path: content for path, content in found.items() if not path.endswith(("timings.csv", ".png", ".html"))}


def test_every_step_gives_the_bytes_of_local_workers(tmp_path: Path) -> None:
    params, data = params_with_search(), write_data(tmp_path)
    local = run_stages(params, data, tmp_path / "local")
    others = set(psutil.Process().children(recursive=True))
    dask = run_stages(params, data, tmp_path / "dask", executor="dask")
    assert len(local) > 30 and dask == local
    left = [child for child in psutil.Process().children(recursive=True) if child not in others]
    assert not [child for child in left if "spawn_main" in " ".join(child.cmdline())], "its workers are gone"
