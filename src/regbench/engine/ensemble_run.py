"""Build one ensemble from its trained networks; holds only the code that determines the ensemble's bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody uses)
from numpy.typing import NDArray
from torch import Tensor

from regbench.data.dataset import Split, load_split, sample_rows
from regbench.engine.ensemble_spec import EnsembleSpec
from regbench.networks.classifier import Classifier
from regbench.networks.combination import Mean, Votes
from regbench.networks.ensemble import Ensemble
from regbench.networks.model_files import load_model, save_model
from regbench.runtime.arithmetic import prepare
from regbench.training.boosting import read_vote
from regbench.training.epoch import Score
from regbench.training.history import EpochRecord
from regbench.training.sparsity import describe_sparsity
from regbench.training.stacking import fit_stack


@dataclass(frozen=True)
class Learnt:
    """The splits that an ensemble may learn from, and its networks' probabilities, (M, N, K) for each split."""

    train: Split
    validation: Split
    seen: Tensor
    """Of train images."""
    unseen: Tensor
    """Of validation images."""


def build_ensemble(spec: EnsembleSpec, entries: Sequence[Path], data: Path) -> tuple[Ensemble, list[EpochRecord]]:
    """Return the ensemble of the networks in the store's `entries`, and a record for each of its networks.

    Record k is of the first k + 1 networks, as if those were the ensemble. Stacking has one record, of the whole, whose
    validation scores are those of images that the regression was not fitted on.

    Raises:
        InputError: see `regbench.training.stacking.fit_stack`.
    """
    prepare(spec.hardware)
    networks = [load_model(entry).to(spec.hardware.device) for entry in entries]
    train, validation = load_split(data, "train"), load_split(data, "validation")
    learnt = Learnt(train, validation, _answers(networks, train), _answers(networks, validation))
    if spec.method == "stacking":
        stack, held_out = fit_stack(learnt.unseen, validation.labels, networks[0].classes)
        with torch.no_grad():
            records = [_record(0, networks, learnt, stack(learnt.seen), held_out)]
        return Ensemble(spec.method, networks, stack), records
    combination = Votes([read_vote(entry) for entry in entries]) if spec.method == "boosting" else Mean()
    records = []
    for count in range(1, len(networks) + 1):
        seen, unseen = combination(learnt.seen[:count]), combination(learnt.unseen[:count])
        records.append(_record(count - 1, networks[:count], learnt, seen, unseen))
    return Ensemble(spec.method, networks, combination), records


def save_ensemble(folder: Path, ensemble: Ensemble, records: Sequence[EpochRecord], seed: int) -> dict[str, Any]:
    """Write an ensemble to `folder` and return what `result.json` says of it: the fields of a single network's.

    An epoch is a network more; `networks` says how many there are. The networks keep their own temperatures.
    """
    save_model(folder, ensemble)
    last = records[-1]
    return {
        "seed": seed,
        "networks": len(ensemble.networks),
        "best_epoch": last.epoch,
        "epochs": len(records),
        "stopped_early": False,
        "parameters": sum(parameter.numel() for parameter in ensemble.parameters()),
        "train_loss": last.train_loss,
        "train_accuracy": last.train_accuracy,
        "validation_loss": last.validation_loss,
        "validation_accuracy": last.validation_accuracy,
        "temperature": 1.0,
        **describe_sparsity(ensemble, folder / "model.safetensors"),
    }


def _answers(networks: Sequence[Classifier], split: Split) -> Tensor:
    pixels = torch.from_numpy(split.images)
    return torch.stack([network.probabilities(pixels) for network in networks])


def _record(place: int, networks: Sequence[Classifier], learnt: Learnt, seen: Tensor, unseen: Tensor) -> EpochRecord:
    """Return the record of an ensemble that gives these logits (N, K) of train and validation images."""
    rows = sample_rows(learnt.train.hashes, len(learnt.validation))
    labels = learnt.train.labels
    train, sample = _score(seen, labels), _score(seen[torch.from_numpy(rows)], labels[rows])
    validation = _score(unseen, learnt.validation.labels)
    kernels = [kernel.detach().flatten() for network in networks for kernel in network.hidden_kernels]
    return EpochRecord(
        epoch=place,
        train_loss=train.loss,
        train_objective=train.loss,
        train_accuracy=train.accuracy,
        sample_loss=sample.loss,
        sample_accuracy=sample.accuracy,
        validation_loss=validation.loss,
        validation_objective=validation.loss,
        validation_accuracy=validation.accuracy,
        gap=sample.accuracy - validation.accuracy,
        penalty=0.0,
        weight_norm=float(torch.cat(kernels).norm()),
    )


def _score(logits: Tensor, labels: NDArray[np.int64]) -> Score:
    targets = torch.from_numpy(labels)
    return Score(float(F.cross_entropy(logits.double(), targets)), float((logits.argmax(1) == targets).double().mean()))
