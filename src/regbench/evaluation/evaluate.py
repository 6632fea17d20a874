"""Evaluate trained networks on unseen images: predict probabilities, then compute every score from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from regbench.config.experiment import EvaluatedExperiment
from regbench.data.dataset import DataShape, Split, SplitName, load_shape, load_split
from regbench.engine.run import Engine
from regbench.engine.store import keep_only
from regbench.evaluation.tasks import PROBABILITIES, ROBUSTNESS, EvaluationTask, evaluate_missing
from regbench.files import read_array, read_json, write_array, write_csv, write_json
from regbench.statistics.calibration import reliability
from regbench.statistics.scores import confusion, headline, misclassified, score


@dataclass(frozen=True)
class Evaluated:
    """The split that variants are evaluated on."""

    name: SplitName
    """`test`, or `validation` where the data set has no test images."""
    split: Split
    shape: DataShape


def load_evaluated(data: Path) -> Evaluated:
    """Open the locked test split, or, without test images (`as_listed`), the validation split under its own name."""
    test = load_split(data, "test")
    shape = load_shape(data / "dataset.json")
    if len(test.labels):
        return Evaluated("test", test, shape)
    return Evaluated("validation", load_split(data, "validation"), shape)


def evaluate_all(
    engine: Engine, experiment: EvaluatedExperiment, data: Path, runs: Path, out: Path, metrics: Path
) -> None:
    """Evaluate every run of every variant and write what `compare` reads; known predictions are not computed again.

    Folders of other variants are removed from `out` and `metrics`.
    """
    evaluated = load_evaluated(data)
    labels = evaluated.split.labels
    keep_only(out, experiment.names)
    keep_only(metrics, [f"{variant}.json" for variant in experiment.names])
    listed = pd.DataFrame({"filename": evaluated.split.filenames, "label": labels})
    if evaluated.split.groups:
        listed["group"] = list(evaluated.split.groups)
    write_csv(out / "labels.csv", listed)
    write_json(
        out / "split.json",
        {
            "split": evaluated.name,
            "images": len(labels),
            "classes": list(evaluated.shape.classes),
            "seeds": list(experiment.seeds),
        },
    )
    folders = {v: [runs / v / f"seed-{seed}" for seed in experiment.seeds] for v in experiment.names}
    tasks = {
        variant: [
            EvaluationTask(
                run,
                data,
                evaluated.name,
                experiment.evaluate.robustness_images,
                engine.hardware,
                engine.store.root,
            )
            for run in own
        ]
        for variant, own in folders.items()
    }
    entries = iter(evaluate_missing(engine, [task for own in tasks.values() for task in own]))
    for variant, own in tqdm(folders.items(), "scores", unit="variant", disable=None):
        _score_variant(
            experiment, evaluated, own, [next(entries) for _ in own], out / variant, metrics / f"{variant}.json"
        )


def _score_variant(
    experiment: EvaluatedExperiment,
    evaluated: Evaluated,
    runs: Sequence[Path],
    entries: Sequence[Path],
    folder: Path,
    metrics: Path,
) -> None:
    """Score the predictions of one variant's runs and write its files."""
    probabilities = np.stack([read_array(entry / PROBABILITIES) for entry in entries])
    results = [read_json(run / "result.json") for run in runs]
    labels = evaluated.split.labels
    scores = pd.DataFrame(
        [score(p, labels, result, experiment.evaluate) for p, result in zip(probabilities, results, strict=True)]
    )
    _write_variant(folder, probabilities, scores, evaluated)
    tables = [pd.read_csv(entry / ROBUSTNESS) for entry in entries]
    robustness = pd.concat([t.assign(seed=seed) for t, seed in zip(tables, experiment.seeds, strict=True)])
    write_csv(folder / ROBUSTNESS, robustness[["seed", "corruption", "severity", "accuracy"]])
    flat, repeated = probabilities.reshape(-1, probabilities.shape[2]), np.tile(labels, len(probabilities))
    write_csv(folder / "reliability.csv", reliability(flat, repeated, experiment.evaluate.calibration_bins))
    write_json(metrics, headline(probabilities, labels, scores, experiment.evaluate))


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
