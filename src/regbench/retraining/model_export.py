"""Exports the champion, or the network of a folder, for other programs."""

from pathlib import Path
from tempfile import TemporaryDirectory

from regbench.config.loading import load_sections
from regbench.config.retraining import RetrainSection
from regbench.errors import InputError
from regbench.evaluation.exported_model import write_exported
from regbench.evaluation.prediction import load_networks
from regbench.retraining.champion import fetch_champion


def export_model(out: Path, model: Path | None, params_file: Path, decisions: Path) -> str:
    """Export a model to the folder `out`, see `write_exported`; return a sentence about it.

    `model` is the folder of one network or ensemble; None: the champion, verified by the log in `decisions`.

    Raises:
        InputError: there is no such network, there are several, there is no champion, or a package is missing.
        IntegrityError: an export predicts differently from the network, or the champion's files were changed.
        TrackingError: MLflow does not answer.
    """
    with TemporaryDirectory() as folder:
        source = model or Path(folder)
        name = str(source)
        if model is None:
            registered = load_sections(params_file, RetrainSection).retrain.model
            name = f"the champion, version {fetch_champion(registered, decisions, source)}"
        networks = load_networks(source)
    if len(networks) > 1:
        raise InputError(f"{model}: holds {len(networks)} runs: name one of them, such as {model}/seed-128")
    worst = write_exported(networks[0], out)
    return f"{out}: model.onnx and model.pt2 of {name}; their probabilities differ by {worst:.1g} from its own at most"
