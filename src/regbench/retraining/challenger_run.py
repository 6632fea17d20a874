"""Finds the MLflow run of a network that the pipeline trained."""

from regbench.config.params import Params
from regbench.errors import TrackingError
from regbench.retraining.challenger import Challenger
from regbench.retraining.paths import JobPaths
from regbench.tracking.receipt import fingerprint
from regbench.tracking.store import Store
from regbench.tracking.sync import bring_up_to_date
from regbench.tracking.variant_runs import FinalsReader


def logged_run(store: Store, params: Params, place: JobPaths, chosen: Challenger) -> str:
    """Log missing results to MLflow, and return the run id of the network `chosen`.

    Raises:
        TrackingError: MLflow cannot be reached, or the run was deleted there.
    """
    results = place.results
    receipt = bring_up_to_date(params, results, store, fingerprint([place.params, *results.folders]))
    key = FinalsReader(params, results).seed(chosen.variant, chosen.seed).key
    if key not in receipt.runs:
        raise TrackingError(
            f"{store.shown}: the run '{chosen.variant} {chosen.seed}' was deleted: restore it in MLflow, or name "
            "another retrain.challenger"
        )
    return receipt.runs[key]
