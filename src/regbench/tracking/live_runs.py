"""Log running trainings to MLflow per epoch, from the files that they write; final runs replace these runs."""

import hashlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from pydantic import BaseModel, ConfigDict, Field

from regbench.runtime.processes import is_alive
from regbench.tracking.experiments import Experiments
from regbench.tracking.metric_names import CURVES, finite, translate
from regbench.tracking.store import Store

ENDING = "-live"
"""Of the experiment's name."""
KEY, PLACE = "regbench.live", "regbench.live.place"
"""Tags: which training a run shows, and the folder that it is from."""


@dataclass(frozen=True)
class Training:
    """State of a training, as read from its file."""

    begun: dict[str, Any]
    """The file's first line."""
    epochs: Sequence[dict[str, Any]]
    """A line each, with `time` in milliseconds since 1970."""
    status: str
    """RUNNING, or as it ended: FINISHED, FAILED or KILLED."""

    @property
    def name(self) -> str:
        """Variant and seed."""
        return f"{self.begun['variant']} {self.begun['seed']}"

    @property
    def key(self) -> str:
        """Differs from one training to the next, also of one variant and seed."""
        return f"{self.name} {self.begun['time']}"


def read_training(path: Path) -> Training | None:
    """Return the state in a file; None where it is gone, damaged, or has no whole line yet."""
    try:
        # The last piece is empty, or a line that is being written.
        first, *rest = path.read_bytes().split(b"\n")[:-1]
        begun, lines = _Begun.model_validate_json(first), [_Line.model_validate_json(line) for line in rest]
    except (OSError, ValueError):
        return None
    ended = lines.pop().ended if lines and lines[-1].ended else ""
    status = ended or ("RUNNING" if _may_be_alive(begun) else "KILLED")
    return Training(begun.model_dump(), [line.model_dump(exclude={"ended"}) for line in lines], status)


class _Begun(BaseModel):
    """The first line of a training's file."""

    time: int
    variant: str
    seed: int
    epochs: int = 0
    process: Annotated[int, Field(gt=0, lt=2**31)]
    host: str = ""
    """Empty: this one."""


class _Line(BaseModel):
    """Another line: the numbers of an epoch, or how the training ended."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    time: int
    epoch: int = 0
    ended: Literal["", "FINISHED", "FAILED"] = ""


def _may_be_alive(begun: _Begun) -> bool:
    """Return whether a training's process works still; of another host's processes nothing is known here."""
    return begun.host not in ("", socket.gethostname()) or is_alive(begun.process)


class Watcher:
    """Brings the files of one folder into the experiment `NAME-live`."""

    def __init__(self, client: MlflowClient, store: Store, name: str, folder: Path) -> None:
        self.client, self.folder, self.name = client, folder, f"{name}{ENDING}"
        self.experiments = Experiments(client, store)
        # Hashed, since neither the machine's name nor the path is anybody's business.
        self.place = hashlib.sha256(f"{socket.gethostname()} {folder.resolve()}".encode()).hexdigest()[:12]
        self.known: dict[str, tuple[Run, int]] = {}

    def look(self) -> int:
        """Log what is new, and return how many trainings are running. Repeated calls add no copies."""
        running = 0
        for training in self._trainings():
            running += training.status == "RUNNING"
            run, done = self.known.get(training.key) or (self._find(training), 0)
            if len(training.epochs) > done:
                self.client.log_batch(run.info.run_id, _metrics(training, done))
            if training.status != "RUNNING" and run.info.status == "RUNNING":
                self.client.set_terminated(run.info.run_id, training.status, _times(training)[-1])
                run = self.client.get_run(run.info.run_id)
            self.known[training.key] = (run, len(training.epochs))
        return running

    def forget(self) -> None:
        """Remove the runs, and the files, of trainings that have ended: their final runs are there now."""
        running = set()
        for path in self.folder.glob("*.jsonl"):
            training = read_training(path)
            if training is not None and training.status == "RUNNING":
                running.add(training.key)
            elif training is not None:
                path.unlink(missing_ok=True)
        found = self.client.get_experiment_by_name(self.name)
        if found is not None and found.lifecycle_stage == "active":
            for run in self.client.search_runs([found.experiment_id], f"tags.`{PLACE}` = '{self.place}'"):
                if run.data.tags.get(KEY) not in running:
                    self.client.delete_run(run.info.run_id)

    def _trainings(self) -> Iterator[Training]:
        read = (read_training(path) for path in sorted(self.folder.glob("*.jsonl")))
        return (training for training in read if training is not None)

    def _find(self, training: Training) -> Run:
        """Return the run of a training, created if need be."""
        experiment = self.experiments.find(self.name).experiment_id
        mine = f"tags.`{PLACE}` = '{self.place}' and tags.`{KEY}` = '{training.key}'"
        found = self.client.search_runs([experiment], mine)
        if not found:
            tags = {KEY: training.key, PLACE: self.place, "mlflow.source.name": "regbench watch"}
            self.client.create_run(experiment, training.begun["time"], tags, run_name=training.name)
            # As with final runs, a lost reply may have doubled it.
            found = self.client.search_runs([experiment], mine, order_by=["attributes.start_time"])
            for double in found[1:]:
                self.client.delete_run(double.info.run_id)
            told = [Param(key, str(training.begun[key])) for key in ("variant", "seed", "epochs")]
            self.client.log_batch(found[0].info.run_id, params=told)
        return found[0]


def _metrics(training: Training, done: int) -> list[Metric]:
    """Return the numbers of the epochs from `done` on; equal numbers have equal times, and are stored once."""
    metrics = []
    for line in training.epochs[done:]:
        for name, values in translate({key: [value] for key, value in line.items()}, CURVES).items():
            metrics += [Metric(name, value, line["time"], line["epoch"]) for _, value in finite(values)]
    for before, line in list(pairwise([training.begun, *training.epochs]))[done:]:
        seconds = (line["time"] - before["time"]) / 1000
        metrics.append(Metric("work/epoch_wall_seconds", seconds, line["time"], line["epoch"]))
    return metrics


def _times(training: Training) -> list[int]:
    return [training.begun["time"], *(line["time"] for line in training.epochs)]
