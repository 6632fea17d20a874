"""What the pipeline leaves: documented tables that follow from the stored predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, log_loss
from support.project import Project


@pytest.mark.slow
def test_results_are_in_the_documented_form(reproduced: Project) -> None:
    table = pd.read_csv(reproduced.folder / "reports/comparison.csv")
    assert list(table.columns)[:14] == [
        "variant",
        "seeds",
        "test_accuracy",
        "test_accuracy_low",
        "test_accuracy_high",
        "test_error_percent",
        "log_loss",
        "error_percent",
        "balanced_accuracy",
        "macro_f1",
        "calibration_error",
        "gap",
        "zero_weights",
        "epochs",
    ]
    assert set(table["variant"]) == {"baseline", "l2", "zca_affine"}
    assert table["test_accuracy"].is_monotonic_decreasing
    timings = pd.read_csv(reproduced.folder / "reports/timings.csv")
    assert {"variant", "train_wall_seconds", "train_cpu_seconds"} <= set(timings.columns)


def test_the_table_can_be_recomputed_from_the_stored_predictions(reproduced: Project) -> None:
    table = pd.read_csv(reproduced.folder / "reports/comparison.csv").set_index("variant")
    labels = pd.read_csv(reproduced.folder / "evaluation/labels.csv")["label"].to_numpy()
    for variant, row in table.iterrows():
        probabilities = np.load(reproduced.folder / f"evaluation/{variant}/probabilities.npy").astype(np.float64)
        probabilities /= probabilities.sum(2, keepdims=True)
        predicted = probabilities.argmax(2)
        classes = list(range(probabilities.shape[2]))
        f1 = [f1_score(labels, each, labels=classes, average="macro", zero_division=0) for each in predicted]
        loss = [log_loss(labels, each, labels=classes) for each in probabilities]
        assert row["test_accuracy"] == pytest.approx((predicted == labels).mean())
        assert row["test_error_percent"] == pytest.approx(100 * (predicted != labels).mean())
        assert row["log_loss"] == pytest.approx(np.mean(loss), rel=1e-5)
        assert row["macro_f1"] == pytest.approx(np.mean(f1))
