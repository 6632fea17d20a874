"""Fetches the champion's files."""

from pathlib import Path

from regbench.errors import InputError
from regbench.retraining.decision_log import Log
from regbench.tracking.store import configure_client, find_store


def fetch_champion(model: str, decisions: Path, out: Path) -> str:
    """Fetch the champion of a registered model into `out`, for `load_predictor`; verify it and return its version.

    `decisions` is the folder of the project's decision log. The files are also verified against the log; the folder
    may be absent.

    Raises:
        InputError: there is no champion.
        IntegrityError: its files differ from those that were promoted.
        TrackingError: MLflow does not answer.
    """
    configure_client()
    from regbench.retraining.gate import known_key
    from regbench.tracking.registry import Registry  # imports mlflow, which takes seconds

    registry = Registry(find_store(Path.cwd()), model)
    champion = registry.champion()
    if champion is None:
        raise InputError(
            f"params.yaml: retrain.model = {model!r}: has no champion in {registry.store.shown}: run "
            "`regbench retrain`, or name a model: --model runs/VARIANT"
        )
    registry.folder(champion, out, known_key(Log(decisions).read(), champion))
    return champion.number
