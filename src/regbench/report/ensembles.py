"""Ensembles: the networks of a variant's seeds as one predictor, by the mean of their probabilities."""

from pathlib import Path

import numpy as np
import pandas as pd

from regbench.config.experiment import EvaluatedExperiment
from regbench.files import read_array
from regbench.report.answers import losses
from regbench.report.tables import required, table
from regbench.statistics.holm import holm
from regbench.statistics.intervals import accuracy_interval, paired_difference

COLUMNS = ("variant", "members", "error_percent", "low", "high", "log_loss", "gain", "gain_low", "gain_high", "p")


def ensembles(params: EvaluatedExperiment, evaluation: Path) -> pd.DataFrame:
    """Return a row per variant with the columns COLUMNS, least error first; no row where there is one seed only.

    Averaging the probabilities of networks that differ in their seed is bagging without resampling (Lakshminarayanan
    et al. 2017, 'deep ensembles', arXiv 1612.01474). Errors are in percent, gains in points. `low` and `high` are the
    ends of the error's interval over images: there is one ensemble, so its seed noise is unknown. `gain` is the mean
    error of the members minus the ensemble's, paired by image. It has an interval over members and images, and a
    p-value after Holm's correction over the variants.
    """
    rows = []
    confidence = params.evaluate.confidence
    labels = required(evaluation / "labels.csv", table)["label"].to_numpy()
    for variant in params.variants if len(params.seeds) > 1 else ():
        probabilities = required(evaluation / variant / "probabilities.npy", read_array)
        mean = probabilities.mean(axis=0, dtype=np.float64)
        right, members = mean.argmax(axis=1) == labels, probabilities.argmax(axis=2) == labels
        accuracy = accuracy_interval(right[np.newaxis], confidence)
        gain = paired_difference(np.broadcast_to(right, members.shape), members, confidence)
        rows.append(
            {
                "variant": variant,
                "members": len(members),
                "error_percent": 100 * (1 - accuracy.mean),
                "low": 100 * (1 - accuracy.high),
                "high": 100 * (1 - accuracy.low),
                "log_loss": float(losses(mean[np.newaxis], labels).mean()),
                "gain": 100 * gain.mean,
                "gain_low": 100 * gain.low,
                "gain_high": 100 * gain.high,
                "p": gain.p_value,
            }
        )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.assign(p=holm(found["p"].tolist())).sort_values(
        ["error_percent", "log_loss"], kind="stable", ignore_index=True
    )


def ensemble_rows(found: pd.DataFrame, split: str, confidence: float) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells of the table of ensembles."""
    header = ["ensemble of", f"{split} error %", f"{100 * confidence:g} % interval", "gain", "log-loss", "members"]
    rows = [
        [
            str(row["variant"]),
            f"{row['error_percent']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            f"{row['gain']:+.2f}{'*' if row['p'] <= 1 - confidence else ' '}",
            f"{row['log_loss']:.4f}",
            f"{row['members']}",
        ]
        for _, row in found.iterrows()
    ]
    return header, rows
