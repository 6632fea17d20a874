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

MOMENTUM = 0.9
"""Of batch normalization's running statistics: PyTorch's, where Keras's own is 0.99. No training step reads them."""


def network(strengths: dict[str, Any], image: tuple[int, ...], kernels: list[np.ndarray]) -> keras.Model:
    """Return a network for inputs of a shape, with the given starting kernels, (outputs, inputs, ...), and zero biases.

    A kernel of two dimensions is a linear layer, one of four a convolution with pooling behind its ReLU.
    """
    used = regularizers.L1L2(strengths.get("l1", 0.0), strengths.get("l2", 0.0))
    model = keras.Sequential([layers.Input(image)])
    for kernel in kernels[:-1]:
        incoming = list(range(kernel.ndim - 1))
        bound = constraints.MaxNorm(strengths["max_norm"], axis=incoming) if "max_norm" in strengths else None
        settings = {"kernel_regularizer": used, "kernel_constraint": bound}
        convolves = kernel.ndim == 4
        model.add(layers.Conv2D(len(kernel), 3, **settings) if convolves else layers.Dense(len(kernel), **settings))
        if strengths.get("batch_norm"):
            model.add(layers.BatchNormalization(epsilon=1e-3, momentum=MOMENTUM))
        model.add(layers.Activation("relu"))
        if convolves:
            model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(len(kernels[-1])))
    learnt = [layer for layer in model.layers if isinstance(layer, layers.Dense | layers.Conv2D)]
    for layer, kernel in zip(learnt, kernels, strict=True):
        layer.set_weights([kernel.transpose(*range(2, kernel.ndim), 1, 0), np.zeros(len(kernel))])
    return model


def learn(case: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the loss with penalties of each step, before it is taken; then the loss of the first batch in evaluation.

    And the running statistics of batch normalization, mean and variance a layer.
    """
    strengths, count = case["strengths"], case["layers"]
    keras.config.set_floatx(case["precision"])
    keras.config.set_dtype_policy(case["precision"])
    kernels = [arrays[f"{case['arrays']}.kernel{layer}"] for layer in range(count)]
    inputs, labels = arrays[f"{case['arrays']}.inputs"].astype(case["precision"]), arrays[f"{case['arrays']}.labels"]
    model = network(strengths, inputs.shape[2:], kernels)
    chosen = optimizers.AdamW(case["learning_rate"], weight_decay=strengths.get("weight_decay", 0.0))
    if "weight_decay" in strengths:
        chosen.exclude_from_weight_decay(var_names=["bias"])
    else:
        chosen = optimizers.Adam(case["learning_rate"])
    smoothing = strengths.get("label_smoothing", 0.0)
    one_hot = [keras.utils.to_categorical(each, len(kernels[-1])) for each in labels]
    found = []
    for rows, targets in zip(inputs, one_hot, strict=True):
        # The function: the class of the same name rounds to float32.
        entropies = keras.losses.categorical_crossentropy(targets, model(rows, training=True), True, smoothing)
        loss = entropies.mean() + sum(model.losses)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            chosen.apply([weight.value.grad for weight in model.trainable_weights], model.trainable_weights)
        found.append(loss.item())
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    with torch.no_grad():
        evaluated = keras.losses.categorical_crossentropy(one_hot[0], model(inputs[0], training=False), True)
        statistics = [[layer.moving_mean.numpy().tolist(), layer.moving_variance.numpy().tolist()] for layer in norms]
    return {"losses": found, "evaluated": evaluated.mean().item(), "statistics": statistics}


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
        "networks": {name: learn(case, arrays) for name, case in cases["networks"].items()},
        "stops": [stops(**case) for case in cases["stops"]],
    }
    (folder / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
