"""Trainings of tiny networks under each regularizer, to be killed and continued.

python tests/support/checkpointed_training.py CASE FOLDER [WRITE]: trains with a checkpoint after every epoch, prints
the number of each epoch, and writes the weights and the history to FOLDER. The process kills itself in the middle of
checkpoint number WRITE, from 1.
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_tensors

from regbench.config.section import Precision
from regbench.config.training import Train
from regbench.config.variants import Variant
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.training import checkpoint
from regbench.training.examples import Examples
from regbench.training.fit import FitResult, fit
from regbench.training.history import EpochRecord

ARCHITECTURE = Architecture(classes=("a", "b", "c"), channels=1, height=4, width=4, hidden=(12, 10))


@dataclass(frozen=True)
class Case:
    """What differs from a plain training."""

    strengths: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    copies: int = 1
    sample: int = 60
    """Unchanged train images that are evaluated."""
    precision: Precision = "float32"

    @property
    def train(self) -> Train:
        """The optimizer and the schedule."""
        return Train.model_validate({"epochs": 6, "batch_size": 16, "learning_rate": 1e-2} | self.settings)


CASES = {
    "plain": Case(),
    "averaging": Case({"averaging": 0.9}),
    "batch_norm": Case({"batch_norm": True}),
    "averaging of batch_norm and dropout": Case({"averaging": 0.9, "batch_norm": True, "dropout": 0.3}),
    "dropout": Case({"dropout": 0.3, "input_dropout": 0.1}),
    "mixup and noise": Case({"mixup": 0.3, "input_noise": 0.1}),
    "proximal l1": Case({"proximal": True, "l1": 1e-3}),
    "l1 and l2": Case({"l1": 1e-3, "l2": 1e-3}),
    "max_norm": Case({"max_norm": 0.8}),
    "weight_decay": Case({"weight_decay": 0.1, "label_smoothing": 0.1}),
    "schedule": Case(settings={"schedule": "cosine", "warmup": 2.5}),
    "class_weights": Case({"mixup": 0.3}, {"class_weights": "balanced"}),
    "sampling": Case(settings={"sampling": "balanced"}),
    # At this learning rate epoch 3 is the best, and epoch 5 the last.
    "patience": Case({"patience": 2}, {"epochs": 30, "learning_rate": 0.1}),
    "best epoch early": Case({"averaging": 0.5}, {"min_delta": 0.2}),
    "NaN in the history": Case(sample=0),
    "copies": Case(copies=4),
    "bfloat16": Case({"dropout": 0.3}, precision="bfloat16"),
}


def examples(count: int, seed: int = 0, copies: int = 1) -> Examples:
    """Return random images of 4 x 4 pixels, labelled by the lightest of the first three."""
    pixels = np.random.default_rng(seed).integers(0, 256, (copies, count, 1, 4, 4), dtype=np.uint8)
    return Examples(pixels, torch.from_numpy(pixels[0].reshape(count, 16)[:, :3].argmax(1)))


def train(
    case: Case,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    hidden: tuple[int, ...] = ARCHITECTURE.hidden,
    **options: Any,
) -> tuple[Classifier, FitResult]:
    """Train a freshly initialized network; `options` are those of checkpoints."""
    variant = Variant(recipe="plain", **case.strengths)
    architecture = replace(ARCHITECTURE, batch_norm=variant.batch_norm, hidden=hidden)
    model = Classifier(architecture, variant.dropout, variant.input_dropout, seed=1)
    data = examples(200, copies=case.copies), examples(200).chosen(np.arange(case.sample)), examples(60, 9)
    return model, fit(model, *data, case.train, variant, 1, on_epoch, case.precision, **options)


def outcome(model: Classifier, result: FitResult) -> tuple[Any, ...]:
    """Return all that must be equal to the bit: weights and buffers, history, best epoch, whether it stopped early."""
    tensors = {name: (value.dtype, value.numpy().tobytes()) for name, value in model.state_dict().items()}
    return tensors, [repr(record) for record in result.history], result.best_epoch, result.stopped_early


def die_in_write(number: int) -> None:
    """Let this process kill itself when half of a checkpoint is written."""
    numbers = itertools.count(1)

    def write_half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def save(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> bytes:
        # One earlier: Python looks the method up before it makes the content.
        if next(numbers) == number - 1:
            Path.write_bytes = write_half  # type: ignore[assignment,method-assign]
        return save_tensors(tensors, metadata)

    checkpoint.save = save


def main() -> None:
    """Train the case that the command line names."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    for number in sys.argv[3:]:
        die_in_write(int(number))
    torch.set_num_threads(1)
    model, result = train(
        CASES[name],
        lambda record: print(record.epoch, flush=True),
        checkpoint=folder / "checkpoint.safetensors",
        checkpoint_epochs=1,
    )
    (folder / "weights").write_bytes(b"".join(value.numpy().tobytes() for value in model.state_dict().values()))
    (folder / "history.json").write_text(json.dumps([asdict(record) for record in result.history]))


if __name__ == "__main__":
    main()
