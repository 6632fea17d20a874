"""The article's code in today's Keras: float32 arrays in memory, `model.fit`; KERAS_BACKEND chooses the backend."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.worker import Turns

turns = Turns()
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers, regularizers  # noqa: E402

folder, recipe, strengths = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
keras.utils.set_random_seed(128)


def inputs(split: str) -> np.ndarray:
    """Rows in 0..1, or whitened; images (N, H, W, C) where layers are to change them."""
    if recipe == "zca":
        return np.load(folder / f"{split}_white.npy")
    pixels = np.load(folder / f"{split}_pixels.npy").astype("float32") / 255
    return pixels.transpose(0, 2, 3, 1) if recipe == "affine" else pixels.reshape(len(pixels), -1)


def one_hot(split: str) -> np.ndarray:
    return keras.utils.to_categorical(np.load(folder / f"{split}_labels.npy"))


x, y, val_x, val_y = inputs("train"), one_hot("train"), inputs("validation"), one_hot("validation")
model = keras.Sequential([layers.Input(x.shape[1:])])
if recipe == "affine":
    model.add(layers.RandomRotation(10 / 360, fill_mode="constant"))
    model.add(layers.RandomTranslation(2 / x.shape[1], 2 / x.shape[2], fill_mode="constant"))
    model.add(layers.RandomZoom(0.1, fill_mode="constant"))
    model.add(layers.Flatten())
for _ in range(5):
    penalty = regularizers.L1L2(strengths.get("l1", 0.0), strengths.get("l2", 0.0))
    used = penalty if "l1" in strengths or "l2" in strengths else None
    model.add(layers.Dense(500, kernel_regularizer=used))
    if strengths.get("batch_norm"):
        model.add(layers.BatchNormalization())
    model.add(layers.Activation("relu"))
    if strengths.get("dropout"):
        model.add(layers.Dropout(strengths["dropout"]))
model.add(layers.Dense(y.shape[1], activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])


class Report(keras.callbacks.Callback):
    """Each epoch, with its validation, is a turn."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        turns.done(logs["val_accuracy"])


turns.ready()
model.fit(x, y, epochs=1000, batch_size=128, validation_data=(val_x, val_y), callbacks=[Report()], verbose=0)
