"""Evaluating all runs: what is written is what the networks predict, and what is known is not computed again."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support.small_study import files, small_data, small_params

from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.data.dataset import load_split, pixel_hash, sample_rows
from regbench.engine.local import InlineExecutor, local_executor
from regbench.engine.run import Engine
from regbench.engine.store import Store
from regbench.evaluation.corruption import CORRUPTIONS, SEVERITIES, corrupted
from regbench.evaluation.evaluate import evaluate_all
from regbench.evaluation.tasks import EVALUATIONS
from regbench.files import write_json
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import load_model, save_model
from regbench.runtime.hardware import Hardware

ARCHITECTURE = Architecture(("a", "b", "c"), channels=1, height=8, width=8, hidden=(6,))
RESULT = {"best_epoch": 0, "epochs": 1, "parameters": 1, "train_accuracy": 0.5, "validation_accuracy": 0.5}
SPARSITY = {"zero_weights": 0.0, "dead_units": 0, "compressed_bytes": 9, "temperature": 1.0}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("images"))


@pytest.fixture
def params() -> Params:
    two = {name: Variant(recipe="plain") for name in ("baseline", "l2")}
    shipped = small_params()
    few = shipped.evaluate.model_copy(update={"robustness_images": 4})
    return shipped.model_copy(update={"variants": two, "evaluate": few})


@pytest.fixture
def folder(tmp_path: Path, params: Params) -> Path:
    """A folder with untrained networks for runs."""
    for place, variant in enumerate(params.variants):
        for seed in params.seeds:
            write_run(tmp_path / f"runs/{variant}/seed-{seed}", seed, 1000 * place + seed)
    return tmp_path


def write_run(run: Path, seed: int, key: int) -> None:
    save_model(run, Classifier(ARCHITECTURE, seed=key))
    write_json(run / "result.json", {"seed": seed, **RESULT, **SPARSITY})


def evaluate(folder: Path, params: Params, data: Path, workers: int = 0, hardware: str = "float32") -> None:
    """Evaluate on worker processes, or in this one."""
    with local_executor(workers) if workers else nullcontext(InlineExecutor()) as executor:
        made = Engine(executor, Store(folder / "store"), params.compute, Hardware("cpu", 1, hardware))  # type: ignore[arg-type]
        evaluate_all(made, params, data, folder / "runs", folder / "evaluation", folder / "metrics")


def entries(folder: Path) -> dict[str, int]:
    """Return the stored evaluations, and when each was written."""
    found = (folder / "store" / EVALUATIONS).glob("*/probabilities.npy")
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


def results(folder: Path) -> dict[str, bytes]:
    return files(folder / "evaluation") | files(folder / "metrics")


def test_probabilities_and_robustness_are_those_of_each_network(folder: Path, params: Params, data: Path) -> None:
    evaluate(folder, params, data)
    test = load_split(data, "test")
    for variant in params.variants:
        probabilities = np.load(folder / f"evaluation/{variant}/probabilities.npy")
        table = pd.read_csv(folder / f"evaluation/{variant}/robustness.csv")
        assert list(table) == ["seed", "corruption", "severity", "accuracy"]
        found = table.set_index(["seed", "corruption", "severity"])["accuracy"]
        assert len(found) == 2 * len(CORRUPTIONS) * len(SEVERITIES)
        for place, seed in enumerate(params.seeds):
            network = load_model(folder / f"runs/{variant}/seed-{seed}")
            expected = network.probabilities(torch.from_numpy(np.array(test.images))).numpy()
            np.testing.assert_array_equal(probabilities[place], expected)
            chosen = sample_rows(test.hashes, 4)
            noise = corrupted(np.array(test.images[chosen]), "noise", 2)
            right = network.probabilities(torch.from_numpy(noise)).numpy().argmax(1) == test.labels[chosen]
            assert found[seed, "noise", 2] == right.mean()


def test_known_predictions_are_not_computed_again(folder: Path, params: Params, data: Path) -> None:
    evaluate(folder, params, data)
    before, written = entries(folder), results(folder)
    assert len(before) == 4
    shutil.rmtree(folder / "evaluation")
    evaluate(folder, params, data)
    assert entries(folder) == before and results(folder) == written
    # How probabilities are summed up is no part of them.
    other = params.evaluate.model_copy(update={"calibration_bins": 3, "confidence": 0.9})
    evaluate(folder, params.model_copy(update={"evaluate": other}), data)
    assert entries(folder) == before and results(folder) != written


def test_what_decides_predictions_computes_them_again(folder: Path, params: Params, data: Path, tmp_path: Path) -> None:
    evaluate(folder, params, data)
    before = entries(folder)
    more = params.evaluate.model_copy(update={"robustness_images": 5})
    evaluate(folder, params.model_copy(update={"evaluate": more}), data)
    assert before.items() < entries(folder).items() and len(entries(folder)) == 8
    evaluate(folder, params, data, hardware="bfloat16")
    assert len(entries(folder)) == 12
    write_run(folder / "runs/l2/seed-129", 129, 7)
    evaluate(folder, params, data)
    assert len(entries(folder)) == 13, "one network is another one"
    shutil.copytree(data, tmp_path / "images")
    index = pd.read_csv(data / "test/index.csv", dtype=str)
    pixels = 255 - np.load(data / "test/images.npy")
    np.save(tmp_path / "images/test/images.npy", pixels)
    hashes = [pixel_hash(image.tobytes()) for image in pixels]
    index.assign(hash=hashes).to_csv(tmp_path / "images/test/index.csv", index=False)
    evaluate(folder, params, tmp_path / "images")
    assert len(entries(folder)) == 17, "all images are other ones"


def test_equal_networks_are_evaluated_once(folder: Path, params: Params, data: Path) -> None:
    shutil.rmtree(folder / "runs/l2")
    shutil.copytree(folder / "runs/baseline", folder / "runs/l2")
    evaluate(folder, params, data)
    assert len(entries(folder)) == 2
    assert files(folder / "evaluation/l2") == files(folder / "evaluation/baseline")


def test_a_variant_that_is_no_more_leaves_nothing(folder: Path, params: Params, data: Path) -> None:
    evaluate(folder, params, data)
    alone = params.model_copy(update={"variants": {"l2": params.variants["l2"]}})
    evaluate(folder, alone, data)
    assert {path.name for path in (folder / "evaluation").iterdir()} == {"l2", "labels.csv", "split.json"}
    assert [path.name for path in (folder / "metrics").iterdir()] == ["l2.json"]


def test_workers_change_no_byte(folder: Path, params: Params, data: Path) -> None:
    evaluate(folder, params, data)
    inline = results(folder)
    shutil.rmtree(folder / "store")
    evaluate(folder, params, data, workers=2)
    assert len(entries(folder)) == 4 and results(folder) == inline
