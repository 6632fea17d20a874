"""Labels images with the champion, or with the networks of a folder."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from regbench.config.checking import load_params
from regbench.evaluation.prediction import count_formulas, load_networks, predict, read_unlabelled, write_submission
from regbench.retraining.champion import fetch_champion


@dataclass(frozen=True)
class Labelled:
    """The result of labelling."""

    summary: str
    left_out: tuple[str, ...]
    """A line for each unusable row."""


def label_images(raw: Path, out: Path, model: Path | None, params_file: Path, decisions: Path) -> Labelled:
    """Label the unlabelled images of a raw data set; write `out` (`filename,label`) and, beside it, probabilities.

    `model` is the folder of a network or of a variant's runs; None: the champion, verified by the log in `decisions`.

    Raises:
        InputError: there are no such images or networks, or no champion.
        IntegrityError: the champion's files differ from those that were promoted.
        TrackingError: MLflow does not answer.
    """
    params = load_params(params_file)
    with TemporaryDirectory() as folder:
        source = model or Path(folder)
        name = str(source) if model else fetch_champion(params.retrain.model, decisions, source)
        networks = load_networks(source)
    unlabelled = read_unlabelled(raw, params.data, networks[0])
    probabilities = predict(networks, unlabelled.images, params.compute)
    beside = write_submission(out, unlabelled.filenames, probabilities, networks[0].classes)
    by = name if model else f"champion, version {name}"
    summary = f"{out}: {len(probabilities):,} labels by {by}; probabilities: {beside}"
    if formulas := count_formulas([*unlabelled.filenames, *networks[0].classes]):
        summary += f"; names that a spreadsheet would run as formulas: {formulas:,}: import the files as text"
    return Labelled(summary, unlabelled.left_out)
