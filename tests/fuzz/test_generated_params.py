"""Parameters drawn at random run through a tiny pipeline in this process: it ends well, or `check` had refused them."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from support.fuzzing import Tally, limited
from support.project import SMALL
from support.raw_images import write_canonical
from support.small_engine import small_engine

from regbench.config.checking import load_params
from regbench.config.network import MLP
from regbench.config.params import Params
from regbench.config.tuned import with_tuned
from regbench.data import ingest
from regbench.data import report as data_report
from regbench.engine.augment import write_augmentations
from regbench.engine.network_check import find_problems
from regbench.engine.pipeline import train_variants
from regbench.errors import DivergedError, InputError, RegbenchError
from regbench.evaluation.evaluate import evaluate_all
from regbench.report.comparison import compare
from regbench.search.tune import tune

RANGES = [
    {"low": 0, "high": 0.5},
    {"low": 1e-300, "high": 0.5, "log": True},
    {"low": 0, "high": 0.5, "step": 0.25, "start": 0.25},
    {"choices": [0, 0.1]},
    {"low": 0.1, "high": 0.1000000001},
]
STRENGTHS = (
    *("l1", "l2", "dropout", "input_dropout", "weight_decay", "max_norm", "label_smoothing"),
    *("mixup", "input_noise", "averaging"),
)
CHANGES: Mapping[str, list[Any]] = {
    "data.image_size": [[1, 1], [1, 9], [28, 3], [10, 10], [11, 12]],
    "data.channels": [3],
    "data.resize": ["pad", "crop"],
    "data.background": ["white", "black"],
    "data.classes": [["a", "b", "c"], ["c", "b", "a", "d"]],
    "data.split": [
        {"method": "as_listed", "validation": 0.5, "test": 0},
        {"validation": 0.5, "test": 0.01},
        {"validation": 0.7, "test": 0.2},
    ],
    "augment": [{"copies": 1}, {"copies": 3, "seed": 2**63 - 1}],
    "recipes.plain": [
        {"rotate": 180, "shear": 89.9},
        {"shift": 1e300},
        {"scale": 0.999999},
        {"elastic": 1e300, "elastic_sigma": 1e-300},
        {"elastic": 3, "elastic_sigma": 16},
        {"cutout": 2**62},
        {"brightness": 1, "contrast": 1, "flip_horizontal": 1, "flip_vertical": 0.5},
        {"saturation": 1, "hue": 0.5},
        {"zca": 1e-300},
        {"zca": 1e300, "rotate": 1e-300},
    ],
    "model.hidden": [[1], [3, 2], [1] * 20],
    "model.network": ["cnn"],
    "train.batch_size": [1, 2, 39, 10**9],
    "train.epochs": [1, 3],
    "train.learning_rate": [1e-300, 10, 1e300],
    "train.schedule": ["cosine"],
    "train.warmup": [0.5, 1, 5, 1e300],
    "train.beta1": [0, 0.9999999],
    "train.beta2": [0, 0.9999999],
    "train.epsilon": [1e-300, 1e300],
    "train.class_weights": ["balanced"],
    "train.sampling": ["balanced"],
    "train.monitor": ["validation_loss"],
    "train.min_delta": [1, 1e300],
    "train.calibration": ["temperature"],
    "seeds": [[0], [2**63 - 1], [2**32, 1]],
    "compute.precision": ["bfloat16"],
    "compute.checkpoint_epochs": [0, 1],
    "compute.store_gigabytes": [0],
    "evaluate.confidence": [0.5000001, 0.9999999],
    "evaluate.margin": [0, 99],
    "evaluate.score": ["balanced_error"],
    "evaluate.calibration_bins": [1, 10**5],
    "evaluate.robustness_images": [1, 2**62],
    "search.sampler": ["random", "grid", "gp", "cmaes"],
    "search.pruner": ["none", "median", "hyperband", "wilcoxon"],
    "search.parallel": [1, 2**62],
    "search.startup": [1, 2**62],
    "search.second": ["nonzero_weights"],
    "search.objective": ["validation_accuracy"],
    "search.top_k": [1, 2**62],
    "search.per": ["parameter"],
    "search.zero_below": [0, 1e300],
    "search.epochs": [1, 0, 2**62],
    "variants.v.batch_norm": [True, {"choices": [True, False]}],
    "variants.v.proximal": [True],
    "variants.v.patience": [1, 2**62, {"low": 1, "high": 3}],
    "variants.v.train": [{"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}, {"batch_size": 1}, {"epochs": 1}],
    **{f"variants.v.{name}": [1e-300, 0.5, 0.9999999, 1e300, *RANGES] for name in STRENGTHS},
}
ITEMS = [(key, value) for key, values in CHANGES.items() for value in values]


def written(folder: Path, raw: Path, changes: Mapping[str, Any]) -> Path:
    """Write the small parameters of the pipeline's tests with one variant, `v`, and these changes."""
    yaml = YAML(typ="safe")
    content = yaml.load((Path(__file__).parents[2] / "params.yaml").read_text())
    search = {"search.trials": 3, "search.fresh_seeds": [29], "search.startup": 2, "data.raw": str(raw)}
    one = {"variants": {"v": {"recipe": "plain"}}, "seeds": [1], "recipes": {"plain": {}}, **search}
    for dotted, value in ({**SMALL, **one, "evaluate.robustness_images": 3} | dict(changes)).items():
        *parents, last = dotted.split(".")
        place = content
        for part in parents:
            place = place[part]
        place[last] = value
    path = folder / "params.yaml"
    yaml.dump(content, path)
    return path


def check(path: Path) -> Params:
    """Do what the stage `check` does, its networks in this process."""
    params = load_params(path)
    built = [name for name in params.variants if params.network(name).network != MLP]
    if problems := find_problems(params, built):
        raise InputError("\n".join(problems))
    return params


def run(params: Params, folder: Path) -> None:
    """Run all stages from the ingested images on."""
    engine = small_engine(folder / "store", **params.compute.model_dump(exclude={"device", "executor"}))
    data, augmented, tuned = folder / "data", folder / "augmented", folder / "tuned"
    write_augmentations(engine, params.recipes, params.augment, data, augmented)
    tune(engine, params, data, augmented, tuned, folder / "studies", folder / "studies.journal")
    found = with_tuned(params, tuned)
    train_variants(engine, found, data, augmented, folder / "runs", folder / "timings", folder / "live")
    evaluate_all(engine, found, data, folder / "runs", folder / "evaluation", folder / "metrics")
    table = compare(found, folder / "evaluation").table
    assert (
        len(table) == 1 and np.isfinite(table["test_error_percent" if "test_error_percent" in table else "error"]).all()
    )


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_canonical(tmp_path_factory.mktemp("raw") / "raw.zip", images=60, classes=("a", "b", "c"))


def test_what_check_accepts_runs(raw: Path, tmp_path: Path, tally: Tally) -> None:
    @settings(max_examples=max(10, settings.default.max_examples // 20))
    @given(changes=st.lists(st.sampled_from(ITEMS), max_size=6).map(dict))
    def try_one(changes: Mapping[str, Any]) -> None:
        # A place of its own: a worker remembers the images of a folder, which no other process changes meanwhile.
        folder = Path(mkdtemp(dir=tmp_path))
        params = tally.attempt(lambda: check(written(folder, raw, changes)))
        if params is None:
            return
        try:  # What the images are is known here alone.
            ingested = ingest.ingest(params.data)
        except RegbenchError:
            return
        ingest.write(ingested, folder / "data")
        data_report.write(ingested, params.data, folder / "data/report")
        try:
            with limited(seconds=120, megabytes=1500):
                run(params, folder)
        except DivergedError as error:
            assert "variants.v" in str(error)

    try_one()
