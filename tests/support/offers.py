"""Networks of a logged project that are offered to the registry."""

from pathlib import Path

from mlflow import MlflowClient
from support.tracking_store import runs_of

from regbench.tracking.model_version import Offer
from regbench.tracking.store import find_store


def offer(folder: Path, variant: str = "l2", seed: int = 1) -> Offer:
    store = find_store(folder, {})
    run = runs_of(MlflowClient(store.uri), "digits-seeds")[f"{variant} {seed}"]
    network = folder / "runs" / variant / f"seed-{seed}"
    files = {name: network / name for name in ("model.json", "model.safetensors")}
    return Offer(files, run.outputs.model_outputs[0].model_id, {"variant": variant, "seed": str(seed)}, "**l2**")
