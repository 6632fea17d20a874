"""What parameters of data, training and evaluation do: each function returns what is built from them."""

from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save_file
from support.raw_images import write_canonical
from support.tracking_project import FOLDERS, write_project

from regbench.augmentation.distortion import augmented, copies
from regbench.augmentation.zca import fit_whitening
from regbench.config.augmentation import Recipe
from regbench.config.checking import load_params
from regbench.config.params import Params
from regbench.data import ingest
from regbench.data.dataset import DataShape, load_split
from regbench.engine import run as engine_run
from regbench.engine.augment import write_augmentations
from regbench.engine.experiment_spec import training_spec
from regbench.engine.local import InlineExecutor
from regbench.engine.pipeline import train_variants
from regbench.engine.run import Engine, open_engine
from regbench.engine.spec import TrainingSpec
from regbench.engine.store import Store
from regbench.engine.tasks import RUNS
from regbench.engine.training_run import TrainingData, save_network, train_network
from regbench.errors import InputError
from regbench.evaluation.predicted_split import corrupted_images
from regbench.layout import Results
from regbench.networks.architecture import Architecture
from regbench.networks.classifier import Classifier
from regbench.runtime import device as compute
from regbench.runtime.arithmetic import prepare
from regbench.runtime.hardware import Hardware
from regbench.runtime.randomness import generator
from regbench.statistics.calibration import calibration_error
from regbench.statistics.scores import headline
from regbench.statistics.units import Units
from regbench.statistics.verdicts import judge
from regbench.tracking.collection import read_records
from regbench.training import fit as fit_module
from regbench.training.examples import Examples
from regbench.training.fit import FitResult


def _examples(count: int, seed: int, side: int) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (1, count, 1, side, side), dtype=np.uint8)
    return Examples(pixels, torch.from_numpy(pixels[0].reshape(count, -1)[:, :2].argmax(1)))


def _train(params: Params, folder: Path, side: int = 8) -> tuple[TrainingData, TrainingSpec, Classifier, FitResult]:
    train, validation = _examples(120, 1, side), _examples(50, 2, side)
    data = TrainingData(DataShape(("a", "b"), 1, side, side), train, train, validation, train.chosen(np.arange(50)))
    hardware = compute.resolve_hardware(params.compute, folder / "hardware.json")
    spec = training_spec(params, "v", hardware, "", "")
    return data, spec, *train_network(spec, data, params.seeds[0])


def train(params: Params, folder: Path, side: int = 8) -> Any:
    """Train `v` on made-up images."""
    _, _, network, result = _train(params, folder, side)
    shapes = [tuple(parameter.shape) for parameter in network.parameters()]
    return len(result.history), result.best_epoch, result.history, shapes


def train_larger(params: Params, folder: Path) -> Any:
    """Train `v` on images that are large enough for every network."""
    return train(params, folder, side=12)


def train_convolutions(params: Params, folder: Path) -> Any:
    """Train `v` as a `cnn`."""
    model = params.model.model_copy(update={"network": "cnn"})
    return train(params.model_copy(update={"model": model}), folder, side=16)


def train_from_weights(params: Params, folder: Path) -> Any:
    """Train `v` from weights in a file, where none are named from those of `networks/base.safetensors`."""
    (folder / "networks").mkdir(exist_ok=True)
    for seed, name in enumerate(("base", "other")):
        state = Classifier(Architecture(("a", "b"), 1, 8, 8, params.model.hidden), seed=seed).layers.state_dict()
        save_file(state, folder / f"networks/{name}.safetensors")
    model = params.model.model_copy(update={"weights": params.model.weights or "networks/base.safetensors"})
    with chdir(folder):
        return train(params.model_copy(update={"model": model}), folder)


def save_trained(params: Params, folder: Path) -> Any:
    """Train `v`, and save it."""
    data, spec, network, result = _train(params, folder)
    summary = save_network(folder / "run", network, result, data, spec, params.seeds[0])
    return summary, (folder / "run/model.safetensors").read_bytes()


def judge_variants(params: Params, _: Path) -> Any:
    """Return the verdict on two variants that differ little."""
    random = np.random.default_rng(0)
    correct = {name: random.random((4, 500)) < 0.9 for name in ("baseline", "v")}
    settings = params.evaluate
    labels = np.repeat([0, 1], [450, 50])
    units = Units.of(labels, score=settings.score)
    complexity = {"baseline": 0, "v": 1}
    found = judge(correct, labels, "baseline", complexity, settings.confidence, settings.margin / 100, units=units)
    return found.standings["v"].to_baseline


def train_with_l1(params: Params, folder: Path) -> Any:
    """Train with an `l1`."""
    variant = params.variants["v"].model_copy(update={"l1": 0.01})
    return train(params.model_copy(update={"variants": {"v": variant}}), folder)


def ingest_images(params: Params, folder: Path) -> Any:
    """Ingest images that show every key of `data`: two layouts, colours, a bad row, other columns, a clear ground."""
    raw = folder / "raw"
    if not raw.exists():
        write_canonical(raw, images=40, classes=("0", "1"), unlabelled=6, channels=3)
        write_canonical(folder / "other", images=30, classes=("0", "1"), channels=3)
        _more_columns(raw)
        (raw / "few.csv").write_text("\n".join((raw / "Train/train.csv").read_text().splitlines()[:21]) + "\n")
        (raw / "fewer.csv").write_text("\n".join((raw / "Test/Test.csv").read_text().splitlines()[:3]) + "\n")
        (raw / "bad.csv").write_text((raw / "Train/train.csv").read_text() + "absent.png,1,absent.png,1,train,w\n")
        for name in ("Train/Images/train", "Test/Images/test"):
            target = raw / "moved" / name
            target.mkdir(parents=True)
            for number, image in enumerate(sorted((raw / name).iterdir())):
                (target / image.name).write_bytes(sorted((raw / name).iterdir())[-1 - number].read_bytes())
    out = folder / "out"
    data = params.data if params.data.raw != "data/sample.zip" else params.data.model_copy(update={"raw": str(raw)})
    data = data.model_copy(update={"raw": str(folder / "other")}) if data.raw == "other" else data
    try:
        ingest.write(ingest.ingest(data, earlier_dir=out), out)
    except InputError as error:
        return "refused", str(error)[-60:]
    splits = [load_split(out, name) for name in ("train", "validation", "test", "unlabelled")]
    return [(s.images.shape, s.labels.tolist(), s.filenames, s.images.tobytes(), s.groups) for s in splits]


def _more_columns(raw: Path) -> None:
    """Give a table columns to choose from, and an image that is wide and transparent."""
    table = pd.read_csv(raw / "Train/train.csv", dtype=str)
    table["other_name"], table["other_label"] = table["filename"].to_numpy()[::-1], table["label"].to_numpy()[::-1]
    table["part"] = [("train", "validation", "test")[row % 3] for row in range(len(table))]
    table["writer"] = [f"w{row // 4}" for row in range(len(table))]
    table.to_csv(raw / "Train/train.csv", index=False)
    ink = Image.new("RGBA", (16, 4), (40, 40, 40, 0))
    ink.paste((40, 40, 40, 255), (3, 1, 9, 3))
    ink.save(raw / "Train/Images/train/0.png")


def ingest_overlapping(params: Params, folder: Path) -> Any:
    """Ingest given splits that share an image."""
    data = params.data.model_copy(update={"split_column": "part"})
    ingest_images(params.model_copy(update={"data": data}), folder)
    images = folder / "raw/Train/Images/train"
    (images / "0.png").write_bytes((images / "1.png").read_bytes())
    return ingest_images(params.model_copy(update={"data": data}), folder)


def augment_elastic(params: Params, folder: Path) -> Any:
    """Augment with elastic distortion."""
    recipe = params.recipes["r"].model_copy(update={"elastic": 20.0})
    return augment(params.model_copy(update={"recipes": {"r": recipe}}), folder)


def augment(params: Params, _: Path) -> Any:
    """Augment some images by the recipe `r`."""
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8))
    return augmented(images, params.recipes["r"], generator(1, "augment")).numpy().tobytes()


def make_coloured_copies(params: Params, _: Path) -> Any:
    """Make copies of RGB images by the recipe `r`."""
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8), dtype=np.uint8)
    return [chunk.numpy().tobytes() for _, _, chunk in copies(images, params.recipes["r"], params.augment)]


def make_copies(params: Params, _: Path) -> Any:
    """Make augmented copies."""
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8)
    return [chunk.numpy().tobytes() for _, _, chunk in copies(images, Recipe(rotate=20.0), params.augment)]


def whiten(params: Params, _: Path) -> Any:
    """Return the matrix that whitens some images."""
    images = np.random.default_rng(0).integers(0, 256, (90, 1, 8, 8), dtype=np.uint8)
    epsilon = params.recipes["r"].zca
    return fit_whitening(images, epsilon).matrix.numpy().tobytes() if epsilon else None


def corrupt(params: Params, folder: Path) -> Any:
    """Return the images on which robustness is measured."""
    data = ingest_small(params, folder)
    made = corrupted_images(data, "train", params.evaluate.robustness_images)
    return {key: each.tobytes() for key, each in made.items()}


def evaluate(params: Params, _: Path) -> Any:
    """Sum up made-up predictions."""
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), size=(3, 200)).astype(np.float32)
    labels = np.where(np.arange(200) % 2, probabilities[0].argmax(1), random.integers(0, 3, 200))
    scores = pd.DataFrame({"log_loss": [1.0, 2.0, 3.0], "macro_f1": [0.5] * 3, "gap": [0.1] * 3})
    calibration = calibration_error(probabilities[0], labels, params.evaluate.calibration_bins)
    return calibration, headline(probabilities, labels, scores, params.evaluate)


def set_threads(params: Params, _: Path) -> Any:
    """Return the threads of a training."""
    prepare(params.compute)
    return torch.get_num_threads()


def choose_device(params: Params, _: Path) -> Any:
    """Return the device, or why there is none."""
    try:
        return compute.device(params.compute)
    except InputError as error:
        return str(error)


def ingest_small(params: Params, folder: Path) -> Path:
    """Return the folder of a small ingested data set."""
    data = folder / "small"
    if not data.exists():
        raw = write_canonical(folder / "small.zip", images=60, classes=("0", "1"))
        ingest.write(ingest.ingest(params.data.model_copy(update={"raw": str(raw)})), data)
    return data


def run_pipeline(params: Params, folder: Path) -> dict[str, Any]:
    """Augment and train as the stages do; return weights, names, the number of checkpoints, and what is kept."""
    data = ingest_small(params, folder)
    with TemporaryDirectory(dir=folder) as name, patch.object(fit_module, "save_checkpoint") as save:
        place = Path(name)
        engine = Engine(InlineExecutor(), Store(place / "store"), params.compute, Hardware("cpu", 1, "float32"))
        with engine.store.write(RUNS, "former/seed-1") as entry:
            (entry / "result.json").write_text("{}")
        write_augmentations(engine, params.recipes, params.augment, data, place / "augmented")
        train_variants(engine, params, data, *(place / part for part in ("augmented", "runs", "timings", "live")))
        weights = (place / f"runs/v/seed-{params.seeds[0]}/model.safetensors").read_bytes()
        kept = engine.store.find(RUNS, "former/seed-1") is not None
        names = sorted(run.name for run in (place / "runs").iterdir())
        return {"weights": weights, "checkpoints": save.call_count, "former run kept": kept, "names": names}


def run_rotated(params: Params, folder: Path) -> dict[str, Any]:
    """Run the pipeline where the recipe `r` rotates images, and `plain` does not."""
    recipes = {**params.recipes, "r": Recipe(rotate=20.0)}
    return run_pipeline(params.model_copy(update={"recipes": recipes}), folder)


def count_workers(params: Params, folder: Path) -> int:
    """Return how many processes the engine starts."""
    with patch.object(engine_run, "local_executor") as made:
        made.return_value.__enter__.return_value = InlineExecutor()
        with open_engine(params.compute, folder / "store"):
            return int(made.call_args.args[0])


def log_results(params: Params, folder: Path) -> list[tuple[str, list[str]]]:
    """Return experiment and curves of what is logged of a small project."""
    project = folder / "project"
    if not project.exists():
        project.mkdir()
        write_project(project)
    known = load_params(project / "params.yaml").model_copy(update={"track": params.track})
    records = read_records(known, Results(*(project / name for name in FOLDERS)))
    return [(record.experiment, sorted(record.seconds)) for record in records]
