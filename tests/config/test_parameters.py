"""A parameter that does nothing is a defect: each one, changed, changes the object that is built from it.

`EFFECTS` gives for each leaf of params.yaml another valid value and what must differ then; a leaf without one fails.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from regbench.engine.runs import Material, build_model
from support.answers import CLASSES, answers, pair
from support.raw_images import write_canonical

from regbench.augmentation.distortion import augmented, copies
from regbench.augmentation.zca import fit_whitening
from regbench.config.augmentation import Recipe
from regbench.config.params import Params
from regbench.config.ranges import Range
from regbench.data import ingest
from regbench.data.dataset import DataShape, Split, load_split
from regbench.errors import InputError
from regbench.evaluation.evaluate import Evaluated, corrupted_images
from regbench.retraining.decision import decide
from regbench.retraining.drift import Sample, drift_report
from regbench.runtime import device as compute
from regbench.runtime.randomness import generator
from regbench.search import space
from regbench.statistics.scores import calibration_error, headline
from regbench.training.examples import Examples
from regbench.training.fit import fit

BASE: dict[str, Any] = {
    "data": {"image_size": (8, 8), "split": {}},
    "recipes": {"plain": {}, "r": {}},
    "augment": {"copies": 2},
    "model": {"hidden": (6, 5)},
    "train": {"epochs": 20, "batch_size": 16, "learning_rate": 0.01},
    "seeds": (1,),
    "compute": {"device": "cpu", "workers": 1},
    "variants": {"v": {"recipe": "plain"}},
    "search": {},
    "evaluate": {},
    "track": {},
    "retrain": {"gate": {"margin": 2.0}},
}
Effect = Callable[[Params, Path], Any]


def _examples(count: int, seed: int) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (1, count, 1, 8, 8), dtype=np.uint8)
    return Examples(pixels, torch.from_numpy(pixels[0].reshape(count, -1)[:, :2].argmax(1)))


def _train(params: Params, _: Path) -> Any:
    train, validation = _examples(120, 1), _examples(50, 2)
    material = Material(DataShape(("a", "b"), 1, 8, 8), train, train, validation)
    model = build_model(params, "v", material, params.seeds[0])
    settings, strengths, precision = params.training("v"), params.strengths("v"), params.compute.precision
    sample = train.first(50)
    result = fit(model, train, sample, validation, settings, strengths, params.seeds[0], precision=precision)
    return len(result.history), result.best_epoch, result.history, [tuple(p.shape) for p in model.parameters()]


def _ingest(params: Params, folder: Path) -> Any:
    """Ingest images that show every key of `data`: two layouts, colours, a bad row."""
    raw = folder / "raw"
    if not raw.exists():
        write_canonical(raw, images=40, classes=("0", "1"), unlabelled=6, channels=3)
        write_canonical(folder / "other", images=30, classes=("0", "1"), channels=3)
        (raw / "few.csv").write_text("\n".join((raw / "Train/train.csv").read_text().splitlines()[:21]) + "\n")
        (raw / "fewer.csv").write_text("\n".join((raw / "Test/Test.csv").read_text().splitlines()[:3]) + "\n")
        (raw / "bad.csv").write_text((raw / "Train/train.csv").read_text() + "absent.png,1\n")
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
    return [(s.images.shape, s.labels.tolist(), s.filenames, s.images.tobytes()) for s in splits]


def _train_l1(params: Params, folder: Path) -> Any:
    variant = params.variants["v"].model_copy(update={"l1": 0.01})
    return _train(params.model_copy(update={"variants": {"v": variant}}), folder)


def _elastic(params: Params, folder: Path) -> Any:
    recipe = params.recipes["r"].model_copy(update={"elastic": 20.0})
    return _augmented(params.model_copy(update={"recipes": {"r": recipe}}), folder)


def _augmented(params: Params, _: Path) -> Any:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8))
    return augmented(images, params.recipes["r"], generator(1, "augment")).numpy().tobytes()


def _copies(params: Params, _: Path) -> Any:
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8)
    return [chunk.numpy().tobytes() for _, _, chunk in copies(images, Recipe(rotate=20.0), params.augment)]


def _whitening(params: Params, _: Path) -> Any:
    images = np.random.default_rng(0).integers(0, 256, (90, 1, 8, 8), dtype=np.uint8)
    epsilon = params.recipes["r"].zca
    return fit_whitening(images, epsilon).matrix.numpy().tobytes() if epsilon else None


def _corrupted(params: Params, _: Path) -> Any:
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8)
    split = Split(images, np.zeros(9, dtype=np.int64), ("",) * 9, ("",) * 9)
    made = corrupted_images(Evaluated("test", split, DataShape(("a",), 1, 8, 8)), params.evaluate)
    return {key: each.tobytes() for key, each in made.items()}


def _evaluate(params: Params, _: Path) -> Any:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), size=(3, 200)).astype(np.float32)
    labels = np.where(np.arange(200) % 2, probabilities[0].argmax(1), random.integers(0, 3, 200))
    scores = pd.DataFrame({"log_loss": [1.0, 2.0, 3.0], "macro_f1": [0.5] * 3, "gap": [0.1] * 3})
    calibration = calibration_error(probabilities[0], labels, params.evaluate.calibration_bins)
    return calibration, headline(probabilities, labels, scores, params.evaluate)


def _threads(params: Params, _: Path) -> Any:
    compute.prepare(params.compute)
    return torch.get_num_threads()


SPACE = {"l2": Range(low=0.1, high=0.2), "dropout": Range(low=0.1, high=0.2)}


def _study(params: Params, _: Path) -> Any:
    """All that Optuna is told; the pruner and sampler show their settings."""
    search = params.searching("v")
    tools = [vars(space.sampler(search, 3)), vars(space.pruner(search, 9))]
    shown = [sorted((key, value) for key, value in tool.items() if isinstance(value, int | float)) for tool in tools]
    names = type(space.sampler(search, 3)).__name__, type(space.pruner(search, 9)).__name__
    draws = space.sampler(search, 3)._rng.rng.random() if search.sampler == "random" else None
    return space.budget(SPACE, search), names, shown, space.directions(search), draws, space.grid(SPACE, search)


def _setting(name: str) -> Effect:
    """Return what tests/test_search_study.py and tests/test_tune.py show the effect of."""
    return lambda params, _: getattr(params.searching("v"), name)


def _device(params: Params, _: Path) -> Any:
    try:
        return compute.device(params.compute)
    except InputError as error:
        return str(error)


def _gate(params: Params, _: Path) -> Any:
    """Decisions on challengers that win by more or less, that lose a class, and that are dear."""
    labels, policy = np.repeat([0, 1], 500), params.retrain.gate
    pairs = [pair(60, 5, 1000), pair(30, 2, 1000), pair(22, 2, 1000), pair(1, 9, 1000)]
    made = [decide(champion, challenger, found, CLASSES, policy, 15).promote for champion, challenger, found in pairs]
    champion, challenger = np.ones((2, 1000), dtype=bool)
    champion[:90], challenger[500:520] = False, False
    return made, decide(answers(champion, labels), answers(challenger, labels), labels, CLASSES, policy, 15).promote


def _drift(params: Params, _: Path) -> Any:
    """Verdicts on images that differ a little in every respect."""
    random = np.random.default_rng(3)
    images = random.integers(0, 200, (2, 300, 1, 8, 8), dtype=np.uint8)
    images[1, :75] += 55
    confidence = random.uniform(0.5, 1, (2, 300))
    confidence[1, :80] = 0.4
    right = np.ones((2, 300), dtype=bool)
    right[1, :60] = False
    labels = [tuple("01"[n % 2] for n in range(300)), tuple("01"[n % 100 > 36] for n in range(300))]
    old, new = (Sample(images[k], labels[k], confidence[k], right[k]) for k in range(2))
    return [(check.name, check.level) for check in drift_report(new, old, params.retrain.drift).checks]


def _job(section: str, name: str) -> Effect:
    """Return what tests/test_retraining*.py and tests/test_notify.py show the effect of."""
    return lambda params, _: getattr(getattr(params.retrain, section) if section else params.retrain, name)


EFFECTS: dict[str, tuple[Any, Effect]] = {
    "data.raw": ("other", _ingest),
    "data.train_csv": ("few.csv", _ingest),
    "data.train_images": ("moved/Train/Images/train", _ingest),
    "data.test_csv": ("fewer.csv", _ingest),
    "data.test_images": ("moved/Test/Images/test", _ingest),
    "data.image_size": ((4, 6), _ingest),
    "data.channels": (3, _ingest),
    "data.classes": (("1", "0"), _ingest),
    "data.max_rejected": (1, _ingest),
    "data.split.method": ("as_listed", _ingest),
    "data.split.validation": (0.3, _ingest),
    "data.split.test": (0.4, _ingest),
    "recipes.r.rotate": (20.0, _augmented),
    "recipes.r.shift": (2.0, _augmented),
    "recipes.r.scale": (0.3, _augmented),
    "recipes.r.shear": (20.0, _augmented),
    "recipes.r.flip_horizontal": (0.5, _augmented),
    "recipes.r.flip_vertical": (0.5, _augmented),
    "recipes.r.elastic": (20.0, _augmented),
    "recipes.r.elastic_sigma": (2.0, _elastic),
    "recipes.r.cutout": (3, _augmented),
    "recipes.r.zca": (0.1, _whitening),
    "augment.copies": (3, _copies),
    "augment.seed": (1, _copies),
    "model.hidden": ((6, 4), _train),
    "train.epochs": (5, _train),
    "train.batch_size": (20, _train),
    "train.learning_rate": (0.02, _train),
    "train.schedule": ("cosine", _train),
    "train.warmup": (1.5, _train),
    "train.beta1": (0.5, _train),
    "train.beta2": (0.9, _train),
    "train.epsilon": (0.01, _train),
    "train.monitor": ("validation_loss", _train),
    "train.min_delta": (10.0, _train),
    "seeds": ((2,), _train),
    "compute.device": ("cuda", _device),
    "compute.threads": (2, _threads),
    "compute.precision": ("bfloat16", _train),
    "compute.workers": (3, lambda params, _: params.compute.processes),
    "variants.v.recipe": ("r", lambda params, _: params.variants["v"].recipe),
    "variants.v.l1": (0.01, _train),
    "variants.v.l2": (0.01, _train),
    "variants.v.dropout": (0.4, _train),
    "variants.v.input_dropout": (0.4, _train),
    "variants.v.batch_norm": (True, _train),
    "variants.v.patience": (1, _train),
    "variants.v.proximal": (True, _train_l1),
    "variants.v.weight_decay": (0.1, _train),
    "variants.v.max_norm": (0.5, _train),
    "variants.v.label_smoothing": (0.1, _train),
    "variants.v.mixup": (0.2, _train),
    "variants.v.input_noise": (0.1, _train),
    "variants.v.averaging": (0.9, _train),
    "variants.v.train": ({"learning_rate": 0.05}, _train),
    "variants.v.search": ({"trials": 3}, _study),
    "search.trials": (11, _study),
    "search.per": ("parameter", _study),
    "search.sampler": ("random", _study),
    "search.pruner": ("hyperband", _study),
    "search.startup": (9, _study),
    "search.grid_points": (3, _study),
    "search.objective": ("validation_accuracy", _study),
    "search.second": ("nonzero_weights", _study),
    "search.seed": (1, _study),
    "search.zero_below": (0.5, _setting("zero_below")),
    "search.epochs": (3, _setting("epochs")),
    "search.seeds": ((3,), _setting("seeds")),
    "search.top_k": (3, _setting("top_k")),
    "search.fresh_seeds": ((9,), _setting("fresh_seeds")),
    "search.parallel": (5, _setting("parallel")),
    "evaluate.confidence": (0.8, _evaluate),
    "evaluate.calibration_bins": (3, _evaluate),
    "evaluate.robustness_images": (4, _corrupted),
    "retrain.model": ("other", _job("", "model")),
    "retrain.challenger": ("v", _job("", "challenger")),
    "retrain.incoming": ("incoming", _job("", "incoming")),
    "retrain.gate.rule": ("non_inferiority", _gate),
    "retrain.gate.margin": (0.1, _gate),
    "retrain.gate.confidence": (0.6, _gate),
    "retrain.gate.class_veto": (False, _gate),
    "retrain.gate.max_megabytes": (1.0, _gate),
    "retrain.gate.max_milliseconds": (1.0, _gate),
    "retrain.gate.max_calibration_error": (0.01, _gate),
    "retrain.gate.require_commit": (False, _job("gate", "require_commit")),
    "retrain.publish.push": (True, _job("publish", "push")),
    "retrain.publish.remote": ("other", _job("publish", "remote")),
    "retrain.drift.alpha": (0.001, _drift),
    **{
        f"retrain.drift.{name}.{limit}": (value, _drift)
        for name, stop in (("labels", 0.12), ("pixels", 0.25), ("confidence", 0.25), ("agreement", 0.15))
        for limit, value in (("warn", 0.299), ("stop", stop))
    },
    "retrain.notify.webhook": ("https://example.org", _job("notify", "webhook")),
    "retrain.notify.command": (("cat",), _job("notify", "command")),
    "retrain.notify.timeout": (1.0, _job("notify", "timeout")),
    "track.experiment": ("other", lambda params, _: params.track.experiment),
    "track.system_metrics": (True, lambda params, _: params.track.system_metrics),  # tests/test_tracking.py
}


def _leaves(value: Any, prefix: str = "") -> list[str]:
    if isinstance(value, dict) and not prefix.endswith((".train.", ".search.")):
        keys = [key for key in value if not (prefix == "recipes." and key == "plain")]
        return [leaf for key in keys for leaf in _leaves(value[key], f"{prefix}{key}.")] or [prefix[:-1]]
    return [prefix[:-1]]


def _with(dotted: str, value: Any) -> Params:
    content = Params.model_validate(BASE).model_dump()
    *parents, last = dotted.split(".")
    place = content
    for part in parents:
        place = place[part]
    place[last] = value
    if dotted == "data.split.method":
        place["test"] = 0.0
    if dotted == "data.max_rejected":
        content["data"]["train_csv"] = "bad.csv"
    return Params.model_validate(content)


def test_every_parameter_has_an_effect_to_test() -> None:
    assert set(_leaves(Params.model_validate(BASE).model_dump())) == set(EFFECTS)


@pytest.mark.parametrize("dotted", EFFECTS)
def test_another_value_changes_what_is_built(dotted: str, tmp_path: Path) -> None:
    value, effect = EFFECTS[dotted]
    base = Params.model_validate(BASE)
    if dotted == "data.max_rejected":
        base = base.model_copy(update={"data": base.data.model_copy(update={"train_csv": "bad.csv"})})
    before = effect(base, tmp_path)
    after = effect(_with(dotted, value), tmp_path)
    compute.prepare(base.compute)  # leaves the threads as they were
    assert before != after


@pytest.mark.parametrize("effect", {id(e): e for _, e in EFFECTS.values()}.values())
def test_the_same_value_changes_nothing(effect: Effect, tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    base = Params.model_validate(BASE)
    assert effect(base, tmp_path) == effect(base, tmp_path)
