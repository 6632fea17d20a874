"""What a user would pick instead for the work around training: torchvision, Keras layers, a Pillow loop."""

import csv
import io
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.worker import Turns

turns = Turns()
import numpy as np  # noqa: E402

BATCH = 128


def torchvision_per_sample(folder: Path, _: Path):
    """`RandomAffine` on each image, as in a Dataset's `__getitem__`; few images, since it is slow."""
    import torch
    from torchvision.transforms import v2

    images = torch.from_numpy(np.load(folder / "train_pixels.npy")[:500])
    change = v2.RandomAffine(10, (2 / images.shape[3], 2 / images.shape[2]), (0.9, 1.1), 5)
    return lambda: len([change(image) for image in images])


def torchvision_batched(folder: Path, _: Path):
    """`RandomAffine` on batches: one transform for all images of a batch, so not the same thing."""
    import torch
    from torchvision.transforms import v2

    images = torch.from_numpy(np.load(folder / "train_pixels.npy"))
    change = v2.RandomAffine(10, (2 / images.shape[3], 2 / images.shape[2]), (0.9, 1.1), 5)
    return lambda: sum(len(change(batch)) for batch in torch.split(images, BATCH))


def keras_layers(folder: Path, _: Path):
    """Keras's rotation, translation and zoom layers on batches."""
    import keras
    from keras import layers

    images = np.load(folder / "train_pixels.npy")[:12800].transpose(0, 2, 3, 1).astype("float32")
    height, width = images.shape[1:3]
    model = keras.Sequential(
        [
            layers.Input(images.shape[1:]),
            layers.RandomRotation(10 / 360, fill_mode="constant"),
            layers.RandomTranslation(2 / height, 2 / width, fill_mode="constant"),
            layers.RandomZoom(0.1, fill_mode="constant"),
        ]
    )
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        changed = tensorflow.function(lambda batch: model(batch, training=True))
    else:
        changed = lambda batch: model(batch, training=True)  # noqa: E731
    starts = range(0, len(images) - BATCH + 1, BATCH)
    return lambda: sum(len(np.asarray(changed(images[start : start + BATCH]))) for start in starts)


def pillow_loop(folder: Path, raw: Path):
    """Read the table, decode image by image, stack, save: what a notebook does."""
    from PIL import Image

    def unit() -> int:
        with zipfile.ZipFile(raw) as archive:
            table = next(name for name in archive.namelist() if name.endswith("Train/train.csv"))
            rows = list(csv.DictReader(io.TextIOWrapper(archive.open(table))))
            top = table.removesuffix("train.csv") + "Images/train/"
            images = [np.asarray(Image.open(archive.open(top + row["filename"])).convert("L")) for row in rows]
        np.save(folder / "pillow.npy", np.stack(images))
        return len(images)

    return unit


if __name__ == "__main__":
    unit = globals()[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    turns.ready()
    while True:
        turns.done(images=unit())
