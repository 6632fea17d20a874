"""Ensembles and robustness: their numbers follow from the stored predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from statsmodels.stats.proportion import proportion_confint
from support.outputs import small_params, write_outputs

from regbench.config.params import Params
from regbench.report.comparison import compare
from regbench.report.compression import compression, compression_rows
from regbench.report.ensembles import ensembles
from regbench.report.robustness import robustness
from regbench.report.sections import Further, sections_markdown


@pytest.fixture
def params() -> Params:
    return small_params()


@pytest.fixture
def evaluation(tmp_path: Path, params: Params) -> Path:
    write_outputs(tmp_path, params, images=300)
    return tmp_path / "evaluation"


def test_an_ensemble_is_the_mean_of_its_members_probabilities(evaluation: Path, params: Params) -> None:
    found = ensembles(params, evaluation).set_index("variant")
    labels = pd.read_csv(evaluation / "labels.csv")["label"].to_numpy()
    for variant in params.variants:
        probabilities = np.load(evaluation / variant / "probabilities.npy").astype(np.float64)
        mean = probabilities.mean(axis=0)
        wrong = int((mean.argmax(1) != labels).sum())
        row = found.loc[variant]
        assert row["members"] == 3
        assert row["error_percent"] == pytest.approx(100 * wrong / 300)
        low, high = proportion_confint(wrong, 300, 0.05, "wilson")
        assert (row["low"], row["high"]) == (pytest.approx(100 * low), pytest.approx(100 * high))
        assert row["log_loss"] == pytest.approx(log_loss(labels, mean / mean.sum(1, keepdims=True)), rel=1e-5)
        members = 100 * (probabilities.argmax(2) != labels).mean()
        assert row["gain"] == pytest.approx(members - row["error_percent"])
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]


def test_one_seed_is_no_ensemble(tmp_path: Path) -> None:
    params = small_params(seeds=1)
    write_outputs(tmp_path, params)
    assert ensembles(params, tmp_path / "evaluation").empty


def test_robustness_is_the_mean_over_seeds(evaluation: Path, params: Params) -> None:
    found = robustness(params, evaluation).set_index(["variant", "corruption", "severity"])
    assert len(found) == 3 * 2 * 3
    scores = pd.read_csv(evaluation / "l2/scores.csv")
    row = found.loc[("l2", "blur", 2)]
    assert row["error_percent"] == pytest.approx(100 * (1 - (scores["accuracy"] - 0.1).mean()))
    assert row["low"] < row["error_percent"] < row["high"]


def test_sections_are_written_and_left_out_where_there_is_nothing(
    tmp_path: Path, evaluation: Path, params: Params
) -> None:
    further = Further.read(params, compare(params, evaluation), evaluation)
    further.write(tmp_path)
    assert pd.read_csv(tmp_path / "ensembles.csv")["variant"].tolist() == further.ensembles["variant"].tolist()
    text = sections_markdown(further.sections())
    assert all(f"## {title}" in text for title in ("Calibration", "Ensembles", "Robustness", "Size"))
    assert set(further.charts) == {"calibration", "robustness", "compression"}
    for variant in params.variants:
        header = "seed,corruption,severity,accuracy\n"
        (evaluation / variant / "robustness.csv").write_text(header)
    bare = Further.read(params, compare(params, evaluation), evaluation)
    assert "Robustness" not in sections_markdown(bare.sections()) and set(bare.charts) == {"calibration", "compression"}


def test_compression_is_means_over_seeds_smallest_first(evaluation: Path, params: Params) -> None:
    file = evaluation / "l2/scores.csv"
    scores = pd.read_csv(file)
    scores.assign(compressed_bytes=[1e6, 2e6, 3e6], zero_weights=[0.2, 0.4, 0.6], dead_units=[1, 2, 6]).to_csv(file)
    comparison = compare(params, evaluation)
    found = compression(comparison, evaluation)
    assert found["variant"][0] == "l2"
    assert found.loc[0, ["compressed_bytes", "zero_weights", "dead_units"]].tolist() == [2e6, pytest.approx(0.4), 3.0]
    header, rows = compression_rows(found, comparison)
    assert rows[0][:1] + rows[0][3:5] == ["l2", "40.0", "3"]
    assert dict(zip(header, rows[-1], strict=True))["of baseline %"] == "100"
