"""Steps that all protocols share: train what is not trained yet, evaluate everything, compare."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from regbench.config.data import Data
from regbench.config.messages import nearest
from regbench.config.params import Params
from regbench.config.tuned import read_tuned
from regbench.data import ingest
from regbench.data import report as data_report
from regbench.data.dataset import data_digest, load_split
from regbench.engine.augment import make_augmentations
from regbench.engine.ensembles import train_all
from regbench.engine.experiment_spec import training_spec
from regbench.engine.results import write_results
from regbench.engine.run import Engine, Training, open_engine
from regbench.errors import InputError
from regbench.evaluation.evaluate import evaluate_all
from regbench.layout import LIVE, STORE
from regbench.report.comparison import Comparison, compare


def run_protocol(params: Params, data: Path, folder: Path, store: Path = STORE) -> Comparison:
    """Train every variant of `params` with every seed on the ingested `data`, evaluate and compare, in `folder`.

    Trained networks are in the project's store; their names are made of all inputs that decide their bits. A finished
    network is never trained again, even after a kill. Variants that are the same network are trained once, for all
    protocols and the pipeline. Results are byte for byte those of a run without interruption.

    Raises:
        DivergedError: a loss is no longer finite.
        InputError: a variant has ranges: see `resolve_variants`.
        IntegrityError: `data` was not ingested.
    """
    with open_engine(params.compute, store) as engine:
        trainings = prepare_trainings(engine, params, data)
        specs = train_all(engine, params, trainings, data, LIVE / "protocols")
        write_results(engine.store, specs, params.seeds, folder / "runs")
        evaluate_all(engine, params, data, folder / "runs", folder / "evaluation", folder / "metrics")
    return compare(params, folder / "evaluation")


def prepare_trainings(engine: Engine, params: Params, data: Path) -> list[Training]:
    """Return the trainings, one per variant; augments images that are not augmented yet.

    Raises:
        InputError: a variant has ranges: see `resolve_variants`.
        IntegrityError: `data` was not ingested.
    """
    load_split(data, "train")  # If files are missing, the error names the folder before the files are hashed.
    used = {params.variants[variant].recipe for variant in params.variants}
    recipes = {name: recipe for name, recipe in params.recipes.items() if name in used}
    augmented = make_augmentations(engine, recipes, params.augment, data)
    images = data_digest(data)
    trainings = []
    for name, variant in params.variants.items():
        place = augmented[variant.recipe]
        trainings.append(Training(name, training_spec(params, name, engine.hardware, images, place.name), place))
    return trainings


def ingest_raw(settings: Data, raw: Path, folder: Path) -> Path:
    """Ingest raw images into `folder/data` and return this path; images that an earlier call decoded are reused.

    Raises:
        InputError: as `regbench.data.ingest.ingest`.
    """
    data, out = settings.model_copy(update={"raw": str(raw)}), folder / "data"
    found = ingest.ingest(data, earlier_dir=out)
    ingest.write(found, out)
    print(data_report.write(found, data, out / "report"))
    return out


def resolve_variants(params: Params, variants: Iterable[str], tuned: Path) -> Params:
    """Return the parameters with these variants only, without ensembles; search results of `tune` replace ranges.

    Raises:
        InputError: there is no such variant.
        IntegrityError: a variant has ranges, and `tuned` holds no search result for it.
    """
    chosen = {}
    for name in variants:
        if name not in params.variants:
            raise InputError(f"variant = {name}: must be one in params.yaml: {nearest(name, params.variants)}")
        searched = params.variants[name].ranges
        chosen[name] = read_tuned(tuned / f"{name}.json") if searched else params.strengths(name)
    # Protocols need accuracies only.
    plain = params.evaluate.model_copy(update={"robustness_images": 0})
    return params.model_copy(update={"variants": chosen, "ensembles": {}, "evaluate": plain})


def select_variants(params: Params, variants: Sequence[str], tuned: Path) -> tuple[Params, list[str]]:
    """Return the parameters with these variants and the baseline, as `resolve_variants`; none named: all possible ones.

    Also returns the names of variants left out: not named, and with ranges that have no search result in `tuned`.

    Raises:
        InputError: as `resolve_variants`.
        IntegrityError: as `resolve_variants`.
    """
    reference = [name for name in params.variants if name == "baseline"]
    if variants:
        return resolve_variants(params, dict.fromkeys([*reference, *variants]), tuned), []
    left_out = [
        name for name, record in params.variants.items() if record.ranges and not (tuned / f"{name}.json").exists()
    ]
    return resolve_variants(params, [name for name in params.variants if name not in left_out], tuned), left_out
