"""A plain PyTorch loop over Keras's MNIST example: float32 images in memory, torch.optim.Adam, all defaults."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.worker import Turns

turns = Turns()
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor, nn  # noqa: E402

BATCH, CLEAN = 128, 1000


def network(image: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the layers in the order of the example."""
    channels, *sides = image
    height, width = (((side - 2) // 2 - 2) // 2 for side in sides)
    return nn.Sequential(
        *(nn.Conv2d(channels, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * height * width, classes)),
    )


def load(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    """Return images (N, C, H, W) in 0..1 and labels of a split."""
    pixels, labels = (np.load(folder / f"{split}_{name}.npy") for name in ("pixels", "labels"))
    return torch.from_numpy(pixels).float() / 255, torch.from_numpy(labels)


folder = Path(sys.argv[1])
torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(128)
images, labels = load(folder, "train")
clean, answers = load(folder, "validation")
model = network(tuple(images.shape[1:]), int(labels.max()) + 1)
optimizer = torch.optim.Adam(model.parameters())
turns.ready()
while True:
    model.train()
    for index in torch.randperm(len(images)).split(BATCH):
        optimizer.zero_grad()
        F.cross_entropy(model(images[index]), labels[index]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum(
            int((model(part).argmax(1) == truth).sum())
            for part, truth in zip(clean.split(CLEAN), answers.split(CLEAN), strict=True)
        )
    turns.done(right / len(clean))
