"""What the trained networks are worth on images that they never saw: probabilities first, every score from them."""

from collections.abc import Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from regbench.config.evaluation import Evaluate
from regbench.config.experiment import EvaluatedExperiment
from regbench.data.dataset import DataShape, Split, load_shape, load_split
from regbench.engine.workers import Workers
from regbench.evaluation.corruption import CORRUPTIONS, SEVERITIES, corrupted
from regbench.files import read_json, write_array, write_csv, write_json
from regbench.networks.model_files import load_model
from regbench.networks.perceptron import Perceptron
from regbench.runtime.device import device
from regbench.statistics.scores import confusion, headline, misclassified, score


@dataclass(frozen=True)
class Evaluated:
    """The split that variants are judged on."""

    name: str
    """`test`, or `validation` where the data set has no test images."""
    split: Split
    shape: DataShape


def load_evaluated(data: Path) -> Evaluated:
    """Open the locked test split; without test images (`as_listed`) the validation split stands in, by its name."""
    test = load_split(data, "test")
    shape = load_shape(data / "dataset.json")
    if len(test.labels):
        return Evaluated("test", test, shape)
    return Evaluated("validation", load_split(data, "validation"), shape)


def evaluate_all(params: EvaluatedExperiment, data: Path, runs: Path, out: Path, metrics: Path) -> None:
    """Evaluate every run of every variant in `params` and write what the contract of `compare` reads.

    Variants are taken from `params`, never from the folder, since a removed variant leaves its files behind.
    """
    evaluated = load_evaluated(data)
    labels = evaluated.split.labels
    write_csv(out / "labels.csv", pd.DataFrame({"filename": evaluated.split.filenames, "label": labels}))
    write_json(
        out / "split.json",
        {
            "split": evaluated.name,
            "images": len(labels),
            "classes": list(evaluated.shape.classes),
            "seeds": list(params.seeds),
        },
    )
    work = partial(_evaluate, params, evaluated, corrupted_images(evaluated, params.evaluate), runs, out, metrics)
    with Workers(params.compute, work, len(params.variants)) as workers:
        futures = [workers.submit(variant) for variant in params.variants]
        for future in tqdm(as_completed(futures), "evaluate", len(futures), unit="variant", disable=None):
            future.result()


def corrupted_images(evaluated: Evaluated, settings: Evaluate) -> dict[tuple[str, int], NDArray[np.uint8]]:
    """Return the first `robustness_images` images under each corruption and severity; none if that is 0."""
    images = np.ascontiguousarray(evaluated.split.images[: settings.robustness_images])
    if not len(images):
        return {}
    return {(kind, severity): corrupted(images, kind, severity) for kind in CORRUPTIONS for severity in SEVERITIES}


def _evaluate(
    params: EvaluatedExperiment,
    evaluated: Evaluated,
    corruptions: Mapping[tuple[str, int], NDArray[np.uint8]],
    runs: Path,
    out: Path,
    metrics: Path,
    variant: str,
) -> None:
    """Score one variant and write its files; done in a worker process."""
    folders = [runs / variant / f"seed-{seed}" for seed in params.seeds]
    models = [load_model(folder).to(device(params.compute)) for folder in folders]
    probabilities = np.stack([_predict(model, evaluated.split.images) for model in models])
    results = [read_json(folder / "result.json") for folder in folders]
    labels = evaluated.split.labels
    scores = pd.DataFrame(
        [score(p, labels, result, params.evaluate) for p, result in zip(probabilities, results, strict=True)]
    )
    _write_variant(out / variant, probabilities, scores, evaluated)
    rows = [
        (seed, kind, severity, float((_predict(model, images).argmax(1) == labels[: len(images)]).mean()))
        for seed, model in zip(params.seeds, models, strict=True)
        for (kind, severity), images in corruptions.items()
    ]
    table = pd.DataFrame(rows, columns=["seed", "corruption", "severity", "accuracy"])
    write_csv(out / variant / "robustness.csv", table)
    write_json(metrics / f"{variant}.json", headline(probabilities, labels, scores, params.evaluate))


def _predict(model: Perceptron, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = model.probabilities(torch.from_numpy(images)).numpy()
    return probabilities


def _write_variant(
    folder: Path, probabilities: NDArray[np.float32], scores: pd.DataFrame, evaluated: Evaluated
) -> None:
    classes, labels = evaluated.shape.classes, evaluated.split.labels
    predicted = probabilities.argmax(2)
    counts = confusion(predicted, labels, len(classes))
    names = np.array(classes)
    grid = pd.MultiIndex.from_product([classes, classes], names=["actual", "predicted"])
    recall = [
        {"seed": int(seed), "class": name, "recall": matrix[k, k] / matrix[k].sum(), "images": matrix[k].sum()}
        for seed, matrix in zip(scores["seed"], counts, strict=True)
        for k, name in enumerate(classes)
        if matrix[k].sum()
    ]
    write_array(folder / "probabilities.npy", probabilities)
    write_csv(folder / "scores.csv", scores)
    write_csv(folder / "per_class.csv", pd.DataFrame(recall, columns=["seed", "class", "recall", "images"]))
    write_csv(folder / "confusion.csv", pd.DataFrame({"count": counts.sum(0).ravel()}, index=grid).reset_index())
    rows, table = misclassified(probabilities, labels)
    write_array(folder / "misclassified.npy", np.ascontiguousarray(evaluated.split.images[rows]))
    table.insert(0, "filename", [evaluated.split.filenames[row] for row in rows])
    write_csv(
        folder / "misclassified.csv", table.assign(label=names[labels[rows]], predicted=names[table["predicted"]])
    )
