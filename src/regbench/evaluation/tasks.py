"""Define the evaluation tasks for workers; the process that submits them does not need torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from regbench.data.dataset import INDEX, SplitName
from regbench.engine.inputs import Input, project_files, split_data
from regbench.engine.run import Engine, run_all
from regbench.files import digest, read_json, sha256
from regbench.runtime.code_identity import identity_of
from regbench.runtime.hardware import Hardware

EVALUATIONS = "evaluations"
"""Kind of the store's entries."""
PROBABILITIES, ROBUSTNESS = "probabilities.npy", "robustness.csv"
CODE = "regbench.evaluation.predicted_split"
"""The module whose code, with all that it imports, decides what an evaluation gives."""


@dataclass(frozen=True)
class EvaluationTask:
    """One trained network to evaluate."""

    run: Path
    """Folder of the trained network."""
    data: Path
    """Folder of the ingested splits."""
    split: SplitName
    robustness_images: int
    hardware: Hardware
    store: Path

    @cached_property
    def name(self) -> str:
        """Name of its entry in the store: the network's bytes, the images, and how it is evaluated."""
        return digest(
            {
                "network": [sha256(self.run / name) for name in ("model.json", "model.safetensors")],
                "images": [sha256(self.data / name) for name in ("dataset.json", f"{self.split}/{INDEX}")],
                "robustness_images": self.robustness_images,
                "hardware": asdict(self.hardware),
                "code": identity_of(CODE),
            }
        )

    @property
    def title(self) -> str:
        """Name for messages."""
        return f"evaluate {'/'.join(self.run.parts[-2:])}"

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a worker needs to do it."""
        network = Input.of("network", self.run, ("model.json", "model.safetensors"))
        own = project_files(read_json(self.run / "model.json").get("network", ""))
        return network, split_data(self.data, self.split), *own


def evaluate_missing(engine: Engine, tasks: Sequence[EvaluationTask], quiet: bool = False) -> list[Path]:
    """Return the store's folder of each evaluation; compute missing ones, and print that unless `quiet`."""
    missing = {task.name: task for task in tasks if engine.store.find(EVALUATIONS, task.name) is None}
    if not quiet:
        print(f"evaluate: {len(tasks)} networks, {len(missing)} to evaluate", flush=True)
    run_all(engine, run_evaluation, missing, "evaluate")
    return [engine.store.place(EVALUATIONS, task.name) for task in tasks]


def run_evaluation(task: EvaluationTask) -> None:
    """Evaluate one network; runs in a worker."""
    from regbench.evaluation.run_evaluation import evaluate_into_store

    evaluate_into_store(task)
