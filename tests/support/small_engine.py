"""An engine in a folder, small images, and the trainings of a small comparison."""

from collections.abc import Sequence
from pathlib import Path

from support.raw_images import write_canonical
from support.small_study import small_params

from regbench.config.compute import Compute
from regbench.config.experiment import Experiment
from regbench.data import ingest
from regbench.data.dataset import data_digest
from regbench.engine.augment import make_augmentations
from regbench.engine.executor import Executor
from regbench.engine.experiment_spec import training_spec
from regbench.engine.local import InlineExecutor
from regbench.engine.run import Engine, Training, train
from regbench.engine.store import Store
from regbench.engine.tasks import TIMINGS
from regbench.runtime.hardware import Hardware

CPU = Hardware("cpu", 1, "float32")


def write_data(folder: Path) -> Path:
    """Ingest 120 images of three classes into `folder`; return where the splits are."""
    raw = write_canonical(folder / "raw.zip", images=120, classes=("a", "b", "c"))
    settings = small_params().data.model_copy(update={"raw": str(raw)})
    ingest.write(ingest.ingest(settings), folder / "data")
    return folder / "data"


def small_engine(store: Path, executor: Executor | None = None, **compute: object) -> Engine:
    """Return an engine on the CPU; in this process unless there is an executor."""
    settings = Compute.model_validate({"device": "cpu", **compute})
    return Engine(executor or InlineExecutor(), Store(store), settings, CPU)


def trainings_of(engine: Engine, experiment: Experiment, data: Path) -> list[Training]:
    """Return the trainings of all variants, their augmentations being made."""
    places = make_augmentations(engine, experiment.recipes, experiment.augment, data)
    found = []
    for name, variant in experiment.variants.items():
        place = places[variant.recipe]
        found.append(
            Training(name, training_spec(experiment, name, engine.hardware, data_digest(data), place.name), place)
        )
    return found


def train_all(engine: Engine, experiment: Experiment, data: Path, seeds: Sequence[int] = ()) -> list[Training]:
    """Train all variants and return their trainings."""
    trainings = trainings_of(engine, experiment, data)
    train(engine, trainings, seeds or experiment.seeds, data, engine.store.root.parent / "live")
    return trainings


def runs(store: Path) -> dict[str, bytes]:
    """Return the bytes of all runs in a store, without the seconds."""
    paths = [path for path in sorted((store / "runs").rglob("*")) if path.is_file() and path.name != TIMINGS]
    return {str(path.relative_to(store)): path.read_bytes() for path in paths}
