"""scikit-learn's MLPClassifier, an epoch at a time by `partial_fit`; it knows L2 (of all weights) and nothing else."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.worker import Turns

turns = Turns()
import numpy as np  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402

folder, recipe, strengths = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])


def inputs(split: str) -> np.ndarray:
    if recipe == "zca":
        return np.load(folder / f"{split}_white.npy")
    pixels = np.load(folder / f"{split}_pixels.npy")
    return pixels.reshape(len(pixels), -1).astype("float32") / 255


x, y = inputs("train"), np.load(folder / "train_labels.npy")
val_x, val_y = inputs("validation"), np.load(folder / "validation_labels.npy")
# Its penalty is alpha / 2 * |w|^2 / images of a batch; Keras's is l2 * |w|^2.
alpha = 2 * 128 * strengths.get("l2", 0.0)
model = MLPClassifier((500,) * 5, batch_size=128, alpha=alpha, random_state=128)
turns.ready()
while True:
    model.partial_fit(x, y, classes=np.unique(y))
    turns.done(float(model.score(val_x, val_y)))
