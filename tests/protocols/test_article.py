"""The tutorial's claims: the table's order, and verdicts that follow from predictions made up for them."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from support.raw_images import write_canonical

from regbench.config.checking import load_params
from regbench.config.data import Split
from regbench.config.network import Model
from regbench.protocols.article import judge_claims, markdown, same_as_reference, write_article
from regbench.protocols.article_steps import STEPS, article_params
from regbench.report.comparison import Comparison
from regbench.statistics.comparison import compare_pairs
from regbench.statistics.verdicts import judge

ROOT = Path(__file__).parents[2]
NAMES = [step.name for step in STEPS]
IMAGES, SEEDS = 1000, 5


def made_up(right: dict[str, int]) -> Comparison:
    """Return a comparison in which every seed is right on the first images of each step, 800 unless told otherwise."""
    correct = {name: np.tile(np.arange(IMAGES) < right.get(name, 800), (SEEDS, 1)) for name in NAMES}
    labels = np.zeros(IMAGES, dtype=np.int64)
    return Comparison(
        table=pd.DataFrame(),
        variants=tuple(NAMES),
        judgement=judge(correct, labels, "baseline", dict.fromkeys(NAMES, 0)),
        seed_errors=pd.DataFrame(),
        split="validation",
        images=IMAGES,
        classes=("a",),
        seeds=tuple(range(SEEDS)),
        scores={name: matrix.astype(float) for name, matrix in correct.items()},
    )


def epochs(**stopped: list[int]) -> dict[str, NDArray[np.int64]]:
    return {name: np.array(stopped.get(name, [10] * SEEDS)) for name in NAMES}


def held(right: dict[str, int], **stopped: list[int]) -> dict[str, str]:
    return judge_claims(made_up(right), epochs(**stopped)).set_index("variant")["held"].to_dict()


def test_steps_are_the_tutorials_in_its_order_with_its_values() -> None:
    assert NAMES[:5] == ["baseline", "l2", "l1", "dropout", "zca_as_run"]
    assert [step.number for step in STEPS] == ["1", "2", "3", "4", "5a", "5b", "5c", "5d", "6a", "6b"]
    params = article_params(load_params(ROOT / "params.yaml"), (1, 2))
    assert params.data.split == Split(method="as_listed", validation=0.3, test=0)
    assert params.model.hidden == (500,) * 5 and params.seeds == (1, 2)
    assert (params.train.epochs, params.train.batch_size, params.train.learning_rate) == (10, 128, 1e-3)
    assert params.strengths("l2").l2 == params.strengths("l1").l1 == 1e-4
    assert params.strengths("dropout").dropout == params.strengths("zca").dropout == 0.25
    assert params.strengths("early_stopping").patience == 2
    assert params.recipe("zca").zca == 1e-6


def test_every_reference_is_an_earlier_step() -> None:
    for place, step in enumerate(STEPS):
        assert step.against in {"", *NAMES[:place]} and bool(step.against) == bool(step.expects)


@pytest.mark.parametrize(
    ("right", "verdict"), [({"l2": 860}, "held"), ({"l2": 740}, "did not hold"), ({"l2": 801}, "cannot tell")]
)
def test_better_than_the_baseline(right: dict[str, int], verdict: str) -> None:
    assert held(right)["l2"] == verdict


@pytest.mark.parametrize(
    ("right", "verdict"), [({"l1": 740}, "held"), ({"l1": 860}, "did not hold"), ({"l1": 801}, "cannot tell")]
)
def test_no_improvement_is_borne_out_only_by_being_worse(right: dict[str, int], verdict: str) -> None:
    assert held(right)["l1"] == verdict


def test_the_leap_is_over_the_dropout_network_not_over_the_baseline() -> None:
    found = held({"dropout": 860, "zca": 860, "zca_mild": 920, "affine": 830})
    assert (found["dropout"], found["zca"]) == ("held", "cannot tell")
    assert (found["zca_mild"], found["affine"]) == ("held", "did not hold")


def test_whitening_that_is_never_applied_gains_nothing() -> None:
    """The same record is the same networks; no statistics are asked, and no family of comparisons grows."""
    assert [step.name for step in STEPS if same_as_reference(step)] == ["zca_as_run"]
    assert held({"zca_as_run": 900, "dropout": 800})["zca_as_run"] == "did not hold"


@pytest.mark.parametrize(
    ("stopped", "verdict"),
    [
        ([5, 6, 5, 4, 5], "held"),
        ([10, 10, 10, 10, 10], "did not hold"),
        ([10, 10, 10, 10, 4], "cannot tell"),
    ],
)
def test_saved_epochs_are_judged_by_their_interval(stopped: list[int], verdict: str) -> None:
    assert held({}, early_stopping=stopped)["early_stopping"] == verdict


def test_one_seed_cannot_tell_of_epochs() -> None:
    comparison = made_up({})
    single = {name: np.array([10 if name != "early_stopping" else 5]) for name in NAMES}
    table = judge_claims(comparison, single).set_index("variant")
    assert table.loc["early_stopping", "held"] == "cannot tell"


def test_claims_are_one_family() -> None:
    comparison = made_up({"l2": 815, "l1": 806, "dropout": 830})
    table = judge_claims(comparison, epochs()).set_index("variant")
    [by_hand] = compare_pairs(comparison.scores, [("l2", "baseline")], 0.95)
    assert table.loc["l2", "difference"] == pytest.approx(0.015)
    assert table.loc["l2", "difference_low"] < by_hand.difference.low
    assert table.loc["l2", "difference_high"] > by_hand.difference.high
    assert table.loc["l2", "adjusted_p"] > by_hand.difference.p_value
    assert math.isnan(table.loc["baseline", "difference"])
    assert "+1.50 (" in markdown(table.reset_index().assign(last_epoch_accuracy=0.5), comparison, 7)


def test_protocol_from_raw_images_to_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the store of trained networks is
    raw = write_canonical(tmp_path / "raw.zip", images=60, classes=("a", "b", "c"))
    shipped = load_params(ROOT / "params.yaml")
    shipped = shipped.model_copy(update={"data": shipped.data.model_copy(update={"image_size": (8, 8)})})
    params = article_params(shipped, (128, 129)).model_copy(update={"model": Model(hidden=(8,))})
    text = write_article(params, raw, tmp_path / "article")
    table = pd.read_csv(tmp_path / "article" / "article.csv", keep_default_na=False)
    assert list(table["variant"]) == NAMES
    assert set(table["held"]) <= {"", "held", "did not hold", "cannot tell"}
    assert text == (tmp_path / "article/article.md").read_text() and "first 42 images train, the last 18" in text
    assert (tmp_path / "article/article.png").stat().st_size > 5000
    split = json.loads((tmp_path / "article/evaluation/split.json").read_text())
    assert (split["split"], split["images"]) == ("validation", 18)
    for _, row in table.iterrows():
        runs = [tmp_path / "article/runs" / row["variant"] / f"seed-{seed}" for seed in (128, 129)]
        last = [pd.read_csv(run / "history.csv")["validation_accuracy"].iloc[-1] for run in runs]
        assert float(row["last_epoch_accuracy"]) == pytest.approx(np.mean(last))
        best = [json.loads((run / "result.json").read_text())["validation_accuracy"] for run in runs]
        assert float(row["accuracy"]) == pytest.approx(np.mean(best))
