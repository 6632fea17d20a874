"""The search of a variant with real trainings, from its ranges to resolved strengths."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.raw_images import write_canonical

from regbench.augmentation.writing import write_recipe
from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.data import ingest
from regbench.errors import DivergedError
from regbench.search.tune import identity, tune

RANGE: dict[str, Any] = {"low": 1e-6, "high": 1e-1, "log": True, "start": 1e-3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingested images and a recipe, without a test split: whoever opens it fails."""
    folder = tmp_path_factory.mktemp("tune")
    write_canonical(folder / "raw", images=120, classes=("a", "b"))
    params = make()
    ingest.write(ingest.ingest(params.data.model_copy(update={"raw": str(folder / "raw")})), folder / "data")
    (folder / "data/test/images.npy").unlink()
    (folder / "data/test/index.csv").unlink()
    images = np.load(folder / "data/train/images.npy")
    write_recipe(folder / "plain", images, params.recipes["plain"], params.augment)
    return folder


def make(variant: dict[str, Any] | None = None, **search: Any) -> Params:
    return Params.model_validate(
        {
            "data": {"image_size": (8, 8), "split": {}},
            "recipes": {"plain": {}},
            "augment": {},
            "model": {"hidden": (6,)},
            "train": {"epochs": 3, "batch_size": 16},
            "seeds": (1,),
            "compute": {"device": "cpu"},
            "variants": {"v": {"recipe": "plain", **(variant or {"l2": RANGE})}},
            "search": {"trials": 6, "startup": 2, **search},
            "evaluate": {},
            "track": {},
        }
    )


def run(params: Params, folder: Path, out: Path) -> Variant:
    return tune(params, "v", folder / "data", folder / "plain", out / "study", out / "studies.journal")


def files(study: Path) -> dict[str, bytes]:
    return {str(path.relative_to(study)): path.read_bytes() for path in sorted(study.rglob("*")) if path.is_file()}


def test_a_variant_is_resolved_and_the_files_repeat_to_the_byte(folder: Path, tmp_path: Path) -> None:
    resolved = run(make(), folder, tmp_path / "a")
    assert run(make(), folder, tmp_path / "b") == resolved
    assert 1e-6 <= resolved.l2 <= 1e-1 and resolved.recipe == "plain"
    first, second = files(tmp_path / "a/study"), files(tmp_path / "b/study")
    assert first.pop("timings.csv") != second.pop("timings.csv")
    assert first == second
    assert set(first) >= {"trials.csv", "curves.csv", "repeats.csv", "summary.json", "plots/history.png"}
    trials, repeats = pd.read_csv(tmp_path / "a/study/trials.csv"), pd.read_csv(tmp_path / "a/study/repeats.csv")
    summary = json.loads((tmp_path / "a/study/summary.json").read_text())
    assert trials["trial"].tolist() == list(range(6)) and trials["l2"][0] == 1e-3
    assert trials["l2"][summary["winner"]] == resolved.l2
    assert set(repeats["seed"]) == {29, 30} and 0 in set(repeats["trial"]), "fresh seeds, the start among them"
    means = repeats.groupby("trial")["validation_loss"].mean()
    assert summary["winner"] == means.idxmin()


def test_growing_the_budget_continues_and_a_changed_range_starts_anew(folder: Path, tmp_path: Path) -> None:
    run(make(), folder, tmp_path)
    few = pd.read_csv(tmp_path / "study/timings.csv")
    run(make(trials=9), folder, tmp_path)
    more = pd.read_csv(tmp_path / "study/timings.csv")
    assert len(more) == 9 and more.iloc[:6].equals(few), "equal seconds: they were not run again"
    run(make({"l2": {**RANGE, "high": 1e-2}}), folder, tmp_path)
    anew = pd.read_csv(tmp_path / "study/timings.csv")
    assert not set(anew["wall_seconds"]) & set(more["wall_seconds"])


def test_the_identity_holds_all_but_the_budget(folder: Path, tmp_path: Path) -> None:
    def name(params: Params, data: Path = folder / "data") -> str:
        return identity(params, "v", data, folder / "plain")

    same = [make(trials=50), make(per="parameter"), make(top_k=3), make(fresh_seeds=(7,))]
    assert {name(params) for params in same} == {name(make())}
    other = [make({"l2": {**RANGE, "low": 1e-5}}), make({"l2": RANGE, "dropout": 0.1}), make(sampler="random")]
    other += [make(seed=1), make(seeds=(5,)), make(pruner="none"), make(epochs=2), make(parallel=1)]
    other += [make().model_copy(update={"model": make().model.model_copy(update={"hidden": (7,)})})]
    other += [make().model_copy(update={"train": make().train.model_copy(update={"epochs": 4})})]
    names = [name(make()), *map(name, other)]
    shutil.copytree(folder / "data", tmp_path / "data")
    (tmp_path / "data/train/index.csv").write_text("other images")
    names.append(name(make(), tmp_path / "data"))
    assert len(set(names)) == len(names)


def test_diverging_trials_fail_with_their_reason_and_the_rest_decides(folder: Path, tmp_path: Path) -> None:
    rates = {"train": {"learning_rate": {"choices": (1e-3, 1e30), "start": 1e30}}}
    resolved = run(make(rates, sampler="random", pruner="none"), folder, tmp_path)
    assert resolved.train == {"learning_rate": 1e-3}
    trials = pd.read_csv(tmp_path / "study/trials.csv").set_index("train.learning_rate")
    assert set(trials.loc[1e30, "state"]) == {"FAIL"} and set(trials.loc[1e-3, "state"]) == {"COMPLETE"}
    assert trials.loc[1e30, "reason"].str.contains("the loss is nan after epoch 0, it must stay finite").all()


def test_a_study_in_which_all_fails_ends_with_one_error(folder: Path, tmp_path: Path) -> None:
    rates = {"train": {"learning_rate": {"low": 1e30, "high": 1e31}}}
    with pytest.raises(DivergedError) as caught:
        run(make(rates), folder, tmp_path)
    message = str(caught.value)
    assert message.startswith("params.yaml: variants.v: none of 6 trials was complete, the last one because seed 28: ")
    assert message.endswith("lower the upper ends of the ranges") and "\n" not in message


def test_two_objectives_write_a_front(folder: Path, tmp_path: Path) -> None:
    sparse = {"l1": {"low": 1e-4, "high": 1.0, "log": True}}
    run(make(sparse, second="nonzero_weights", pruner="none", zero_below=0.02), folder, tmp_path)
    trials = pd.read_csv(tmp_path / "study/trials.csv")
    front = json.loads((tmp_path / "study/summary.json").read_text())["front"]
    assert trials["nonzero_weights"].between(0, 1).all() and trials["nonzero_weights"].nunique() > 1
    pairs = trials[["validation_loss", "nonzero_weights"]].to_numpy()
    better = [[bool((a <= b).all() and (a < b).any()) for a in pairs] for b in pairs]
    assert front == [place for place, row in enumerate(better) if not any(row)]
    assert (tmp_path / "study/plots/pareto_front.png").is_file()


def test_wilcoxon_stops_trials_between_seeds(folder: Path, tmp_path: Path) -> None:
    rates = {"train": {"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True, "start": 3e-2}}}
    seeds = tuple(range(40, 50))
    run(make(rates, seeds=seeds, pruner="wilcoxon", sampler="random", trials=8, parallel=1), folder, tmp_path)
    trials = pd.read_csv(tmp_path / "study/trials.csv")
    pruned = trials[trials["state"] == "PRUNED"]
    assert len(pruned) and (pruned["epochs"] < 3 * len(seeds)).all() and (pruned["epochs"] % 3 == 0).all()
