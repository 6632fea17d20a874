"""Trains for a search, in workers; the engine's store keeps these runs like any others.

What decides a trial's outcome is in `objective`, whose code names the study; this module only connects it to the store.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

from regbench.config.experiment import SearchedExperiment
from regbench.config.ranges import Value
from regbench.config.search import Search
from regbench.config.variants import Variant
from regbench.engine.experiment_spec import training_spec
from regbench.engine.inputs import Input, augmentation, learned_data, project_files
from regbench.engine.store import Store
from regbench.engine.tasks import RESULT, TrainingTask, run_training
from regbench.files import read_json
from regbench.runtime.hardware import Hardware
from regbench.search.objective import Score, shorten

if TYPE_CHECKING:
    from regbench.training.history import EpochRecord


@dataclass(frozen=True)
class Trainer:
    """Trains settings of one variant; knows train and validation data alone."""

    experiment: SearchedExperiment
    variant: str
    hardware: Hardware
    data: Path
    """Folder of the ingested splits."""
    data_digest: str
    augmentation: Path
    """Folder of what was done to the images."""
    augmentation_digest: str
    store: Path

    @property
    def title(self) -> str:
        """What people call it."""
        return self.variant

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a worker needs to train."""
        model = self.experiment.network(self.variant)
        own = project_files(model.network, model.weights)
        return (
            learned_data(self.data, self.data_digest),
            augmentation(self.augmentation, self.augmentation_digest),
            *own,
        )

    @property
    def search(self) -> Search:
        """How the variant is searched."""
        return self.experiment.searching(self.variant)

    @property
    def length(self) -> int:
        """Epochs of a training in a trial, at most."""
        own = self.experiment.variants[self.variant].train
        longest: int = {**self.experiment.train.model_dump(), **own}["epochs"]
        return self.search.epochs or longest

    def resolve(self, values: dict[str, Value]) -> Variant:
        """Return the variant with a trial's values in the place of its ranges."""
        return self.experiment.variants[self.variant].resolve(values)

    def task(self, values: dict[str, Value], seed: int, epochs: int = 0) -> TrainingTask:
        """Return the training of one setting under one seed, for `epochs` (0: as many as `train.epochs`) at most."""
        tried = shorten(self.resolve(values), epochs)
        experiment = self.experiment.with_resolved({self.variant: tried})
        spec = training_spec(experiment, self.variant, self.hardware, self.data_digest, self.augmentation_digest)
        every = self.experiment.compute.checkpoint_epochs
        return TrainingTask(spec, seed, self.data, self.augmentation, self.store, self.variant, every)

    def score(
        self,
        values: dict[str, Value],
        seed: int,
        epochs: int = 0,
        on_epoch: "Callable[[EpochRecord], None]" = lambda record: None,
    ) -> Score:
        """Train under one seed, unless the store has that run already, and return the score; see `task`.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        history: list[EpochRecord] = []

        def follow(record: "EpochRecord") -> None:
            history.append(record)
            on_epoch(record)

        task = self.task(values, seed, epochs)
        try:
            run = run_training(task, follow)
        except optuna.TrialPruned:
            Store(self.store).checkpoint(task.name).unlink(missing_ok=True)
            raise
        from regbench.networks.model_files import load_model
        from regbench.training.sparsity import nonzero_weights

        nonzero = nonzero_weights(load_model(run), self.search.zero_below)
        return Score.of(history, read_json(run / RESULT)["best_epoch"], nonzero)
