"""Define a worker's task, one training, and the functions that workers run.

A task holds values and paths alone, so that it can be pickled and done in any process that sees the paths. What
computes is imported where it is used: the process that hands out tasks needs no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.config.compute import Compute
from regbench.engine.inputs import Input, augmentation, learned_data, project_files
from regbench.engine.spec import TrainingSpec
from regbench.runtime.hardware import Hardware

if TYPE_CHECKING:
    from regbench.training.history import EpochRecord

RUNS = "runs"
"""Kind of the store's entries that are trainings."""
HISTORY, RESULT, SPEC = "history.csv", "result.json", "spec.json"
TIMINGS = "timings.csv"
"""File of an entry that is no result: seconds change from run to run."""


@dataclass(frozen=True)
class TrainingTask:
    """One training to run."""

    spec: TrainingSpec
    seed: int
    data: Path
    """Folder of the ingested splits."""
    augmentation: Path
    """Folder of the augmented images."""
    store: Path
    label: str
    """Name of the variant."""
    checkpoint_epochs: int = 0
    live: Path | None = None
    """Folder of the file that shows the running training."""

    @property
    def name(self) -> str:
        """Name of its entry in the store."""
        return self.spec.run(self.seed)

    @property
    def title(self) -> str:
        """Name for messages."""
        return f"{self.label} seed {self.seed}"

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a worker needs to do it."""
        spec = self.spec
        own = project_files(spec.model.network, spec.model.weights)
        return learned_data(self.data, spec.data), augmentation(self.augmentation, spec.augmentation), *own

    @property
    def shown(self) -> str:
        """What it is called while it runs."""
        return f"{self.label}.round-{self.spec.boosting}" if self.spec.boosting else self.label


def without_rounds_of_others(tasks: Sequence[TrainingTask]) -> list[TrainingTask]:
    """Return the tasks but for rounds of boosting that another one trains before its own."""
    before = {spec.run(task.seed) for task in tasks for spec in task.spec.rounds[:-1]}
    return [task for task in tasks if task.name not in before]


def settle_hardware(compute: Compute, memory: Path) -> tuple[Hardware, str]:
    """Return what this machine computes on, and a line about it where `compute.precision` is `auto`.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    from regbench.runtime.device import precision_sentence, resolve_hardware

    return resolve_hardware(compute, memory), precision_sentence(compute, memory)


def run_training(task: TrainingTask, on_epoch: "Callable[[EpochRecord], None]" = lambda record: None) -> Path:
    """Train, unless the store has the run already, and return the folder of its entry.

    `on_epoch` is called for every epoch in order, also for those that were trained before.

    Raises:
        DivergedError: the loss is no longer finite; names the label and the seed.
    """
    from regbench.engine.stored_training import train_into_store

    return train_into_store(task, on_epoch)
