"""Networks of a logged project that are offered to the registry."""

from pathlib import Path

from mlflow import MlflowClient
from support.tracking_store import runs_of

from regbench.tracking.model_version import Offer
from regbench.tracking.store import Store, find_store


def offer(folder: Path, variant: str = "l2", seed: int = 1, store: Store | None = None) -> Offer:
    run = runs_of(MlflowClient((store or find_store(folder, {})).uri), "digits-seeds")[f"{variant} {seed}"]
    network = folder / "runs" / variant / f"seed-{seed}"
    files = {name: network / name for name in ("model.json", "model.safetensors")}
    return Offer(files, run.outputs.model_outputs[0].model_id, {"variant": variant, "seed": str(seed)}, "**l2**")
