"""Keras's own losses, step by step, and where its EarlyStopping stops: a process of its own, on PyTorch's backend.

python tests/keras_reference.py FOLDER: reads `cases.json` and `arrays.npz`, writes `answers.json`.
"""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch
from keras import constraints, layers, optimizers, regularizers


def network(strengths: dict[str, Any], kernels: list[np.ndarray]) -> keras.Model:
    """Return the article's kind of network with the given starting kernels, (outputs, inputs), and zero biases."""
    used = regularizers.L1L2(strengths.get("l1", 0.0), strengths.get("l2", 0.0))
    bound = constraints.MaxNorm(strengths["max_norm"], axis=0) if "max_norm" in strengths else None
    model = keras.Sequential([layers.Input((kernels[0].shape[1],))])
    for kernel in kernels[:-1]:
        model.add(layers.Dense(len(kernel), kernel_regularizer=used, kernel_constraint=bound))
        if strengths.get("batch_norm"):
            model.add(layers.BatchNormalization(epsilon=1e-3))
        model.add(layers.Activation("relu"))
    model.add(layers.Dense(len(kernels[-1])))
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    for layer, kernel in zip(dense, kernels, strict=True):
        layer.set_weights([kernel.T, np.zeros(len(kernel))])
    return model


def losses(case: dict[str, Any], arrays: dict[str, np.ndarray]) -> list[float]:
    """Return the loss with penalties of each step, before it is taken."""
    strengths, count = case["strengths"], case["layers"]
    model = network(strengths, [arrays[f"kernel{layer}"] for layer in range(count)])
    chosen = optimizers.AdamW(case["learning_rate"], weight_decay=strengths.get("weight_decay", 0.0))
    if "weight_decay" in strengths:
        chosen.exclude_from_weight_decay(var_names=["bias"])
    else:
        chosen = optimizers.Adam(case["learning_rate"])
    entropy = keras.losses.CategoricalCrossentropy(True, label_smoothing=strengths.get("label_smoothing", 0.0))
    found = []
    for rows, labels in zip(arrays["inputs"], arrays["labels"], strict=True):
        one_hot = keras.utils.to_categorical(labels, len(arrays[f"kernel{count - 1}"]))
        loss = entropy(one_hot, model(rows, training=True)) + sum(model.losses)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            chosen.apply([weight.value.grad for weight in model.trainable_weights], model.trainable_weights)
        found.append(loss.item())
    return found


def stops(mode: str, patience: int, min_delta: float, scores: list[float | None]) -> tuple[int | None, int]:
    """Return the number of epochs after which EarlyStopping stops, None if never, and its best epoch."""
    callback = keras.callbacks.EarlyStopping("score", patience=patience, min_delta=min_delta, mode=mode)
    stub = SimpleNamespace(stop_training=False)
    callback.set_model(stub)
    callback.on_train_begin()
    for epoch, score in enumerate(scores):
        callback.on_epoch_end(epoch, {"score": float("nan") if score is None else score})
        if stub.stop_training:
            return epoch + 1, callback.best_epoch
    return None, callback.best_epoch


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    cases = json.loads((folder / "cases.json").read_text())
    with np.load(folder / "arrays.npz") as stored:
        arrays = dict(stored)
    answers = {
        "losses": {name: losses(case, arrays) for name, case in cases["networks"].items()},
        "stops": [stops(**case) for case in cases["stops"]],
    }
    (folder / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
