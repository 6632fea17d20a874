"""Which sections of `params.yaml` each stage reads. Changes of other sections do not run it again."""

from typing import Any

from regbench.config.augmentation import AugmentSections
from regbench.config.data import IngestSections
from regbench.config.experiment import EvaluatedExperiment, Experiment, SearchedExperiment
from regbench.config.params import Params
from regbench.config.section import Section


class NoSections(Section):
    """A stage without parameters."""


STAGES: dict[str, type[Section]] = {
    "sample": NoSections,
    "ingest": IngestSections,
    "augment": AugmentSections,
    "tune": SearchedExperiment,
    "train": Experiment,
    "evaluate": EvaluatedExperiment,
    "compare": EvaluatedExperiment,
}
"""The cached stages, in their order. `check` reads the whole file, and `track` runs always."""
UNUSED = {"tune": {"ensembles", "seeds"}}
"""Sections that a stage loads with others and does not use: searches are of variants, and have seeds of their own."""
UNIMPORTANT = (
    "workers",
    "checkpoint_epochs",
    "store_gigabytes",
    "executor",
    "dask",
    "slurm",
    "trainings_per_gpu",
)
"""Keys of `compute` that change no result."""


def stage_params(params: Params, stage: str) -> dict[str, Any]:
    """Return the values that a stage depends on, for JSON."""
    found = params.model_dump(mode="json", include=set(STAGES[stage].model_fields) - UNUSED.get(stage, set()))
    if "compute" in found:
        found["compute"] = {key: value for key, value in found["compute"].items() if key not in UNIMPORTANT}
    if "variants" in found:
        found["order"] = list(params.variants if stage == "tune" else params.names)  # JSON's keys are sorted.
    return found
