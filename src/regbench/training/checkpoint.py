"""Saves a training between two epochs and restores it: one safetensors file, no pickle.

No state of a random generator is stored: every random number is keyed by seed, purpose and epoch.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from regbench.files import atomic, parse_json
from regbench.training.early_stopping import BestEpoch
from regbench.training.history import EpochRecord
from regbench.training.step import TrainingStep


@dataclass
class TrainingState:
    """What a training knows after its epochs so far, apart from the tensors of its `TrainingStep`."""

    best: BestEpoch
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    """State dict of the model after the best epoch, copied."""
    history: list[EpochRecord] = field(default_factory=list)
    seconds: list[tuple[float, float]] = field(default_factory=list)
    """Wall and CPU seconds of each epoch."""

    def add(self, record: EpochRecord, score: float, model: nn.Module) -> None:
        """Append the record of an epoch; copy the weights of `model` if `score` is the best so far."""
        if self.best.update(record.epoch, score):
            self.best_weights = {name: value.clone() for name, value in model.state_dict().items()}
        self.history.append(record)


def save_checkpoint(path: Path, step: TrainingStep, state: TrainingState) -> None:
    """Write the state of a training after an epoch to `path`, atomically: parameters, optimizer, means, history.

    Tensors are stored under their names, numbers as JSON in the metadata; a float reads back as the same number.

    Raises:
        StorageError: the file cannot be written.
    """
    numbers = {
        "steps": step.steps,
        "best": {"epoch": state.best.epoch, "score": state.best.score, "waited": state.best.waited},
        "history": [asdict(record) for record in state.history],
        "seconds": state.seconds,
    }
    with atomic(path) as temporary:
        temporary.write_bytes(save(_named(step, state.best_weights), metadata={"state": json.dumps(numbers)}))


def load_checkpoint(path: Path, step: TrainingStep, state: TrainingState) -> bool:
    """Restore `step` and `state`, both fresh, from `path`; return whether that was possible.

    False if the file is missing, broken, or has tensors of other names, shapes or types; then both are unchanged.
    """
    try:
        with safe_open(path, "pt") as file:
            numbers = parse_json(file.metadata()["state"])
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dict)
        steps, best = int(numbers["steps"]), BestEpoch(state.best.mode, state.best.patience, state.best.min_delta)
        best.epoch, best.score, best.waited = (numbers["best"][name] for name in ("epoch", "score", "waited"))
        history = [EpochRecord(**fields) for fields in numbers["history"]]
        seconds = [(wall, cpu) for wall, cpu in numbers["seconds"]]
    except (OSError, SafetensorError, LookupError, TypeError, ValueError):
        return False
    best_weights = {name: torch.empty_like(value) for name, value in step.model.state_dict().items()}
    targets = _named(step, best_weights)
    if _layout(stored) != _layout(targets):
        return False
    for name, target in targets.items():
        target.copy_(stored[name])
    step.resume(steps)
    state.best, state.best_weights, state.history, state.seconds = best, best_weights, history, seconds
    return True


def _named(step: TrainingStep, best_weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return step.tensors() | {f"best.{name}": value for name, value in best_weights.items()}


def _layout(tensors: dict[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
