"""What all studies share: train what is not trained yet, evaluate everything, compare."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import as_completed
from functools import cache
from pathlib import Path

import torch
from tqdm import tqdm

import regbench
from regbench.augmentation.folder import write_recipe
from regbench.config.data import Data
from regbench.config.messages import nearest
from regbench.config.params import Params
from regbench.config.tuned import read_tuned
from regbench.data import ingest
from regbench.data import report as data_report
from regbench.data.dataset import INDEX, load_split
from regbench.engine.runs import Material, load_material, train_seed
from regbench.engine.workers import Workers
from regbench.errors import InputError
from regbench.evaluation.evaluate import evaluate_all
from regbench.files import sha256
from regbench.report.comparison import Comparison, compare

AFTER_TRAINING = (
    *("evaluation.py", "prediction.py", "protocols", "report", "search", "statistics", "tracking"),
    *("model_version.py", "promotion.py", "registry.py", "retraining"),
)
"""Parts of the library that no training passes through: their changes leave trained networks as they are."""


def run_protocol(params: Params, data: Path, folder: Path) -> Comparison:
    """Train every variant of `params` under every seed on the ingested `data`, evaluate and compare, in `folder`.

    Trained networks stay in `folder/trained` under a name made of all that decides their bits, so what is finished is
    never trained again, also after a kill, and variants of one record are trained once. Results are those of an
    undisturbed run to the byte.

    Raises:
        DivergedError: a loss is no longer finite.
        InputError: a variant has ranges: see `resolved`.
        IntegrityError: `data` was not ingested.
    """
    load_split(data, "train")  # a folder that lacks its files is named before they are hashed
    names = {variant: identity(params, variant, data) for variant in params.variants}
    _train(params, data, folder, names)
    for variant, name in names.items():
        link = folder / "runs" / variant
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(Path("..", "trained", name))
    evaluate_all(params, data, folder / "runs", folder / "evaluation", folder / "metrics")
    return compare(params, folder / "evaluation")


def ingested(settings: Data, raw: Path, folder: Path) -> Path:
    """Ingest raw images into `folder/data` and return that; what an earlier call decoded is not decoded again.

    Raises:
        InputError: as `regbench.data.ingest.ingest`.
    """
    data, out = settings.model_copy(update={"raw": str(raw)}), folder / "data"
    found = ingest.ingest(data, former_dir=out)
    ingest.write(found, out)
    print(data_report.write(found, data, out / "report"))
    return out


def resolved(params: Params, variants: Iterable[str], tuned: Path) -> Params:
    """Return the parameters with these variants only, their ranges replaced by what the stage tune chose.

    Raises:
        InputError: there is no such variant.
        IntegrityError: a variant has ranges, and `tuned` holds no choice.
    """
    chosen = {}
    for name in variants:
        if name not in params.variants:
            raise InputError(f"variant = {name}: must be one in params.yaml: {nearest(name, params.variants)}")
        searched = params.variants[name].ranges
        chosen[name] = read_tuned(tuned / f"{name}.json") if searched else params.strengths(name)
    # Studies ask for accuracies alone.
    plain = params.evaluate.model_copy(update={"robustness_images": 0})
    return params.model_copy(update={"variants": chosen, "evaluate": plain})


def compared(params: Params, variants: Sequence[str], tuned: Path) -> tuple[Params, list[str]]:
    """Return the parameters with these variants and the baseline, as `resolved`; none named: all, but see below.

    Second are the names of those left out: variants that nobody named, with ranges for which `tuned` holds no choice.

    Raises:
        InputError: as `resolved`.
        IntegrityError: as `resolved`.
    """
    reference = [name for name in params.variants if name == "baseline"]
    if variants:
        return resolved(params, dict.fromkeys([*reference, *variants]), tuned), []
    left_out = [
        name for name, record in params.variants.items() if record.ranges and not (tuned / f"{name}.json").exists()
    ]
    return resolved(params, [name for name in params.variants if name not in left_out], tuned), left_out


def identity(params: Params, variant: str, data: Path) -> str:
    """Return a name made of all that decides the bits of a variant's networks: parameters, data, code. Not its seed."""
    recipe = params.recipe(variant)
    return _digest(
        {
            "code": code_version(),
            "data": _data_hash(data),
            "model": params.model.model_dump(),
            "train": params.training(variant).model_dump(),
            "strengths": params.strengths(variant).model_dump(exclude={"recipe", "train", "search"}),
            "recipe": recipe.model_dump(),
            "augment": params.augment.model_dump() if recipe.augments else None,
            "compute": params.compute.model_dump(exclude={"workers"}),
        }
    )


@cache
def code_version() -> str:
    """Return a hash of the library's code up to training, and PyTorch's version."""
    package = Path(regbench.__file__).parent
    files = {str(path.relative_to(package)): path for path in sorted(package.rglob("*.py"))}
    kept = {name: sha256(path) for name, path in files.items() if Path(name).parts[0] not in AFTER_TRAINING}
    return _digest({"torch": torch.__version__, **kept})


def _train(params: Params, data: Path, folder: Path, names: dict[str, str]) -> None:
    first = {name: variant for variant, name in reversed(names.items())}
    tasks = [  # seed by seed, so that what is interrupted is a comparison under fewer seeds
        (variant, seed)
        for seed in params.seeds
        for variant in params.variants
        if first[names[variant]] == variant and not _finished(folder / "trained" / names[variant], seed)
    ]
    if not tasks:
        return
    materials = {variant: _material(params, variant, data, folder) for variant in dict(tasks)}

    def work(task: tuple[str, int]) -> None:
        variant, seed = task
        train_seed(params, variant, materials[variant], folder / "trained" / names[variant], seed)

    with Workers(params.compute, work, len(tasks)) as workers:
        futures = [workers.submit(task) for task in tasks]
        for future in tqdm(as_completed(futures), "train", len(futures), unit="run", disable=None):
            future.result()


def _finished(folder: Path, seed: int) -> bool:
    """Tell whether a run is whole: its result is written last."""
    return (folder / f"seed-{seed}" / "result.json").exists()


def _material(params: Params, variant: str, data: Path, folder: Path) -> Material:
    """Return what a variant learns from; its recipe is fitted and materialised unless that is done already."""
    recipe = params.recipe(variant)
    content = {"code": code_version(), "data": _data_hash(data), "recipe": recipe.model_dump()}
    place = folder / "recipes" / _digest({**content, "augment": params.augment.model_dump()})
    made = place / params.variants[variant].recipe
    if not (made / "preview.png").exists():  # written last
        write_recipe(made, load_split(data, "train").images, recipe, params.augment)
    return load_material(data, made)


def _data_hash(data: Path) -> str:
    """Return a hash of the images that networks learn from and are watched on, and of the classes."""
    return _digest({name: sha256(data / name) for name in ("dataset.json", f"train/{INDEX}", f"validation/{INDEX}")})


def _digest(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
