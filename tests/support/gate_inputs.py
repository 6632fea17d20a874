"""A challenger before the gate: what forbids its promotion whatever the scores are."""

from pathlib import Path

import numpy as np
import pandas as pd

from regbench.config.params import Params
from regbench.data.dataset import Split
from regbench.files import write_csv
from regbench.layout import Results
from regbench.retraining.decision_record import Party, Record
from regbench.retraining.gate import GateInputs, Intake, refusals_of
from regbench.retraining.paths import JobPaths
from regbench.tracking.model_version import Version
from regbench.tracking.provenance import Provenance

CLEAN = Provenance("c" * 40, "false", "", "l")
VERSION = Version("2", "m-2", {"regbench.key": "k2"})


def refusals(tmp_path: Path, params: Params, provenance: Provenance = CLEAN, leak: str = "") -> tuple[str, ...]:
    """Return what forbids a promotion; `leak` names whose training images hold a test image."""
    for split in ("train", "validation", "test"):
        image = "test-0" if split == "train" and leak == "challenger" else f"{split}-0"
        table = pd.DataFrame({"filename": "0.png", "label": "0", "split": split, "hash": [image]})
        write_csv(tmp_path / "data" / split / "index.csv", table)
    place_of_it = "validation" if leak == "champion" else "test"
    theirs = pd.DataFrame({"hash": ["old", "test-0"], "split": ["train", place_of_it], "label": "0"})
    write_csv(tmp_path / "images.csv", theirs)
    folders = [tmp_path / name for name in ("data", *"bcdefg")]
    place = JobPaths(tmp_path / "params.yaml", Results(*folders), tmp_path / "retraining")
    test = Split(np.zeros((1, 1, 2, 2), dtype=np.uint8), np.zeros(1, dtype=np.int64), ("0.png",), ("test-0",))
    history = [Record("rolled back", (), champion=Party("2", "k2", "l2", "128"), time="yesterday")]
    records = history if leak == "rolled back" else []
    return refusals_of(GateInputs(params, place, provenance, Intake()), test, tmp_path / "images.csv", records, VERSION)
