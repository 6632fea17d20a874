"""Finds the images that are new since the champion, and measures their drift from its training data."""

from pathlib import Path

import numpy as np
import pandas as pd

from regbench.config.params import Params
from regbench.data.dataset import SplitName, load_split, read_index
from regbench.retraining.drift import DriftReport, Sample, drift_report
from regbench.retraining.gate import IMAGES, LEARNT
from regbench.retraining.incoming import Plan

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def watch(params: Params, data: Path, champion: Path, plan: Plan | None = None) -> DriftReport | None:
    """Compare new images with those in `data` that the champion was trained on; None where nothing is comparable.

    With a `plan`, the new images are those it would add. Without one, they are the images in `data` that are not in the
    champion's list, in its folder `champion`. The champion's answers to its own test images are the reference for
    confidence and agreement without drift.
    """
    table = pd.concat([read_index(data, name) for name in SPLITS], ignore_index=True)
    known = pd.read_csv(champion / IMAGES, dtype=str, keep_default_na=False)
    learnt = table["hash"].isin(known["hash"][known["split"].isin(LEARNT)]).to_numpy()
    held = table["hash"].isin(known["hash"][known["split"] == "test"]).to_numpy()
    fresh = ~table["hash"].isin(known["hash"]).to_numpy()
    if not (fresh.any() if plan is None else len(plan.images)) or not learnt.any():
        return None
    from regbench.retraining.predictions import respond  # lazy import: runs without new data do not need torch

    images, labels = np.concatenate([load_split(data, name).images for name in SPLITS]), table["label"].to_numpy()
    new, named = (images[fresh], labels[fresh]) if plan is None else (plan.images, np.array(plan.labels, dtype=object))
    answers = [respond(champion, *asked, params.compute) for asked in ((images[held], labels[held]), (new, named))]
    if answers[0] is None or answers[1] is None:
        return None
    old = Sample(images[learnt], tuple(labels[learnt]), *answers[0])
    return drift_report(Sample(new, tuple(named), *answers[1]), old, params.retrain.drift)
