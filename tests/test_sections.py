"""Ensembles and robustness: their numbers follow from the stored predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from statsmodels.stats.proportion import proportion_confint

from regbench.params import Params
from regbench.report.comparison import compare
from regbench.report.ensembles import ensembles
from regbench.report.robustness import robustness
from regbench.report.sections import Further, sections_markdown
from tests.outputs import small_params, write_outputs


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
    assert "## Ensembles" in text and "## Robustness" in text and set(further.charts) == {"robustness"}
    for variant in params.variants:
        header = "seed,corruption,severity,accuracy\n"
        (evaluation / variant / "robustness.csv").write_text(header)
    bare = Further.read(params, compare(params, evaluation), evaluation)
    assert "Robustness" not in sections_markdown(bare.sections()) and not bare.charts
