"""A small project after `compare`: every file that tracking reads, without a training."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from regbench.config.tuned import write_tuned
from regbench.config.variants import Variant
from regbench.files import write_array, write_csv, write_json
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.networks.model_files import save_model
from regbench.runtime.hardware import Hardware
from regbench.runtime.randomness import generator

FOLDERS = ("data", "tuned", "studies", "runs", "timings", "evaluation", "reports")
CLASSES = ("0", "1", "2")
SHAPE = (1, 4, 4)
EPOCHS = 3
HISTORY = [
    "train_loss",
    "train_objective",
    "train_accuracy",
    "sample_loss",
    "sample_accuracy",
    "validation_loss",
    "validation_objective",
    "validation_accuracy",
    "gap",
    "penalty",
    "weight_norm",
]

PARAMS = """
data: {{raw: data/sample.zip, image_size: [4, 4]}}
recipes: {{plain: {{}}}}
augment: {{}}
model: {{hidden: {hidden}}}
train: {{epochs: 3}}
seeds: {seeds}
compute: {{}}
variants: {{{variants}}}
evaluate: {{}}
track: {{experiment: {experiment}}}
"""

VERDICT = {
    "verdict": "undecided",
    "gain": 0.01,
    "gain_low": -0.02,
    "gain_high": 0.04,
    "log_loss_verdict": "better",
    "seeds_needed": 12.0,
    "same_network_as": None,
}
"""Of all variants but the first."""


def write_project(
    folder: Path,
    variants: tuple[str, ...] = ("baseline", "l2"),
    seeds: tuple[int, ...] = (1, 2),
    shape: tuple[int, int, int] = SHAPE,
    hidden: tuple[int, ...] = (8,),
    experiment: str = "digits",
) -> None:
    """Write `params.yaml` and the files of all stages before `track` into `folder`."""
    settings = ", ".join(f"{name}: {{recipe: plain, l2: {0.1 * k:g}}}" for k, name in enumerate(variants))
    text = PARAMS.format(seeds=list(seeds), hidden=list(hidden), variants=settings, experiment=experiment)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    channels, height, width = shape
    write_array(folder / "data/train/images.npy", np.arange(5 * np.prod(shape)).astype(np.uint8).reshape(5, *shape))
    described = {"classes": list(CLASSES), "channels": channels, "height": height, "width": width}
    write_json(folder / "data/dataset.json", described)
    write_json(folder / "data/report/report.json", {"data_hash": "d" * 64})
    write_json(folder / "evaluation/split.json", {"split": "test", "images": 9, "classes": CLASSES, "seeds": seeds})
    (folder / "reports").mkdir(exist_ok=True)
    (folder / "reports/comparison.html").write_text("<h1>comparison</h1>", encoding="utf-8")
    rows = "".join(f"| {name} | {20 - k} |\n" for k, name in enumerate(variants))
    (folder / "reports/comparison.md").write_text(f"| variant | test error % |\n|---|---|\n{rows}", encoding="utf-8")
    Image.new("L", (8, 8)).save(folder / "reports/comparison.png")
    (folder / "reports/variants").mkdir(exist_ok=True)
    for name in variants:
        Image.new("L", (8, 8)).save(folder / f"reports/variants/{name}.png")
    (folder / "studies").mkdir(exist_ok=True)
    curves = []
    for k, name in enumerate(variants):
        write_tuned(folder / f"tuned/{name}.json", Variant(recipe="plain", l2=0.1 * k))
        histories = [write_run(folder, name, seed, shape, hidden, better=0.01 * k) for seed in seeds]
        mean = pd.concat(histories).groupby("epoch", as_index=False).mean()
        curves.append(mean.assign(variant=name))
        write_variant(folder, name, seeds, better=0.01 * k)
    write_csv(folder / "reports/curves.csv", pd.concat(curves))
    rows = [
        {"variant": n, "test_accuracy_low": 0.78, "test_accuracy_high": 0.84 + 0.01 * k, **(VERDICT if k else {})}
        for k, n in enumerate(variants)
    ]
    write_csv(folder / "reports/comparison.csv", pd.DataFrame(rows))


def write_run(
    folder: Path, name: str, seed: int, shape: tuple[int, int, int], hidden: tuple[int, ...], better: float
) -> pd.DataFrame:
    """Write one training's folder and return its history."""
    run = folder / "runs" / name / f"seed-{seed}"
    channels, height, width = shape
    save_model(run, Classifier(Architecture(CLASSES, channels, height, width, hidden), seed=seed))
    noise = generator(seed, "preview").random((EPOCHS, len(HISTORY))) / 50
    shared = np.linspace(0.6, 0.8, EPOCHS)[:, np.newaxis] + better
    history = pd.DataFrame(shared + noise, columns=HISTORY).rename_axis("epoch").reset_index()
    write_csv(run / "history.csv", history)
    write_json(run / "result.json", {"seed": seed, "best_epoch": 1, "epochs": EPOCHS})
    write_json(run / "spec.json", {"hardware": asdict(Hardware("cpu", 1, "float32"))})
    return history


def write_variant(folder: Path, name: str, seeds: tuple[int, ...], better: float) -> None:
    """Write a variant's timings, scores and tables."""
    accuracy = [0.8 + better + 0.01 * k for k in range(len(seeds))]
    scores = pd.DataFrame({"seed": seeds, "accuracy": accuracy})
    scores["error_percent"] = 100 * (1 - scores["accuracy"])
    scores = scores.assign(
        log_loss=0.5, balanced_accuracy=0.8, macro_f1=0.79, calibration_error=0.03, gap=0.04, zero_weights=0.25
    )
    scores = scores.assign(dead_units=1, compressed_bytes=600, temperature=1.0)
    scores = scores.assign(parameters=163, epochs=EPOCHS, best_epoch=1, train_accuracy=0.85, validation_accuracy=0.81)
    write_csv(folder / "evaluation" / name / "scores.csv", scores)
    grid = [(actual, predicted, 3 if actual == predicted else 0) for actual in CLASSES for predicted in CLASSES]
    write_csv(
        folder / "evaluation" / name / "confusion.csv", pd.DataFrame(grid, columns=["actual", "predicted", "count"])
    )
    recall = pd.DataFrame([(seed, label, 1.0, 3) for seed in seeds for label in CLASSES])
    recall.columns = pd.Index(["seed", "class", "recall", "images"])
    write_csv(folder / "evaluation" / name / "per_class.csv", recall)
    epochs = pd.DataFrame([(seed, epoch, 2.0, 1.5, 300.0 + epoch) for seed in seeds for epoch in range(EPOCHS)])
    epochs.columns = pd.Index(["seed", "epoch", "wall_seconds", "cpu_seconds", "peak_megabytes"])
    epochs = epochs.assign(processor="Sample CPU", software="python 3, torch 2")
    write_csv(folder / "timings" / f"{name}.csv", epochs)
