"""The tables: every number recomputed from the files, the order, what is ignored and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.outputs import small_params, write_outputs

from regbench.config.params import Params
from regbench.errors import InputError, IntegrityError
from regbench.report.comparison import COLUMNS, compare
from regbench.report.comparison_json import to_json
from regbench.report.complexity import active_strengths
from regbench.report.tables import mean_curves, read_histories, read_timings
from regbench.statistics.comparison import compare_pairs
from regbench.statistics.intervals import accuracy_interval

VARIANTS = ("baseline", "l2", "early_stopping")


@pytest.fixture
def params() -> Params:
    return small_params(VARIANTS)


@pytest.fixture
def root(tmp_path: Path, params: Params) -> Path:
    write_outputs(tmp_path, params)
    return tmp_path


def correct(root: Path, variant: str) -> np.ndarray:
    labels = pd.read_csv(root / "evaluation/labels.csv")["label"].to_numpy()
    return np.load(root / "evaluation" / variant / "probabilities.npy").argmax(2) == labels


def test_one_row_a_variant_with_exactly_the_promised_columns(root: Path, params: Params) -> None:
    table = compare(params, root / "evaluation").table
    assert tuple(table.columns) == COLUMNS
    assert sorted(table["variant"]) == sorted(VARIANTS)


def test_accuracy_and_interval_come_from_the_single_images(root: Path, params: Params) -> None:
    # Scores that disagree with the probabilities must not leak into the accuracy.
    scores = pd.read_csv(root / "evaluation/l2/scores.csv").assign(accuracy=0.123, error_percent=87.7)
    scores.to_csv(root / "evaluation/l2/scores.csv", index=False)
    row = compare(params, root / "evaluation").table.set_index("variant").loc["l2"]
    cells = correct(root, "l2")
    expected = accuracy_interval(cells, 0.95)
    assert row["test_accuracy"] == pytest.approx(cells.mean(), abs=1e-12)
    assert (row["test_accuracy_low"], row["test_accuracy_high"]) == (expected.low, expected.high)
    assert row["test_error_percent"] == pytest.approx(100 * (~cells).mean(), abs=1e-10)


@pytest.mark.parametrize(
    "column", ["log_loss", "macro_f1", "calibration_error", "gap", "zero_weights", "epochs", "seeds"]
)
def test_other_columns_are_means_over_seeds(root: Path, params: Params, column: str) -> None:
    table = compare(params, root / "evaluation").table.set_index("variant")
    for variant in VARIANTS:
        scores = pd.read_csv(root / "evaluation" / variant / "scores.csv")
        assert table.loc[variant, column] == (len(scores) if column == "seeds" else scores[column].mean())


def test_best_first_then_log_loss_then_the_order_of_the_parameters(root: Path, params: Params) -> None:
    evaluation = root / "evaluation"
    exact = np.load(evaluation / "l2/probabilities.npy")
    for variant in VARIANTS:
        np.save(evaluation / variant / "probabilities.npy", exact)
        scores = pd.read_csv(evaluation / variant / "scores.csv")
        # The two that tie on accuracy and log-loss must keep their order in params.yaml.
        scores.assign(log_loss=0.1 if variant == "early_stopping" else 0.2).to_csv(
            evaluation / variant / "scores.csv", index=False
        )
    assert compare(params, evaluation).order == ["early_stopping", "baseline", "l2"]
    # Accuracy outranks log-loss: a variant that is right on one image more comes first.
    better = exact.copy()
    labels = pd.read_csv(evaluation / "labels.csv")["label"].to_numpy()
    seed, image = np.argwhere(exact.argmax(2) != labels)[0]
    better[seed, image, labels[image]] = 2
    np.save(evaluation / "l2/probabilities.npy", better)
    assert compare(params, evaluation).order == ["l2", "early_stopping", "baseline"]


def test_a_removed_variant_leaves_no_trace_in_any_table(root: Path, params: Params) -> None:
    fewer = params.model_copy(update={"variants": {k: v for k, v in params.variants.items() if k != "l2"}})
    assert (root / "evaluation/l2").is_dir()
    comparison = compare(fewer, root / "evaluation")
    assert "l2" not in json.dumps(to_json(comparison))
    assert "l2" not in set(mean_curves(read_histories(fewer, root / "runs"))["variant"])
    assert "l2" not in set(read_timings(fewer, root / "timings")["variant"])


def test_verdicts_are_of_one_family_against_the_baseline(root: Path, params: Params) -> None:
    comparison = compare(params, root / "evaluation")
    assert set(comparison.verdicts) == {"l2", "early_stopping"}
    scores = {name: correct(root, name) for name in params.variants}
    pairs = [("l2", "baseline"), ("early_stopping", "baseline")]
    expected = compare_pairs(scores, pairs, 0.95, params.evaluate.margin / 100)
    assert [comparison.verdicts[name].difference for name, _ in pairs] == [found.difference for found in expected]


@pytest.mark.parametrize(("names", "expected"), [(("l2", "baseline"), "baseline"), (("l2", "l1"), "l2")])
def test_the_baseline_is_the_one_of_that_name_or_the_first(
    tmp_path: Path, names: tuple[str, ...], expected: str
) -> None:
    params = small_params(names)
    write_outputs(tmp_path, params)
    assert compare(params, tmp_path / "evaluation").baseline == expected


def test_strengths_that_are_off_do_not_count(params: Params) -> None:
    shipped = small_params(("baseline", "dropout", "cocktail", "zca"))
    counts = {name: active_strengths(shipped, name) for name in shipped.variants}
    # cocktail: dropout, input_dropout, averaging and the four strengths of the recipe affine.
    assert counts == {"baseline": 0, "dropout": 1, "cocktail": 7, "zca": 1}


def test_json_is_strict_and_says_what_the_table_rests_on(tmp_path: Path) -> None:
    alone = small_params(("baseline",), seeds=1)
    write_outputs(tmp_path, alone)
    content = json.loads(json.dumps(to_json(compare(alone, tmp_path / "evaluation")), allow_nan=False))
    assert content["variants"][0]["versus_baseline"] is None
    assert (content["images"], content["seeds"], content["split"]) == (60, [128], "test")


def test_curves_are_means_over_the_seeds_that_reached_the_epoch(root: Path, params: Params) -> None:
    curves = mean_curves(read_histories(params, root / "runs"))
    histories = [pd.read_csv(root / f"runs/l2/seed-{seed}/history.csv") for seed in params.seeds]
    rows = curves[curves["variant"] == "l2"].set_index("epoch")
    # The last of three seeds stops one epoch early.
    assert rows["seeds"].tolist() == [3, 3, 3, 2]
    assert rows.loc[3, "validation_loss"] == pytest.approx(np.mean([h["validation_loss"][3] for h in histories[:2]]))
    assert rows.loc[0, "gap"] == pytest.approx(np.mean([h["gap"][0] for h in histories]))
    assert list(curves.columns) == ["variant", "epoch", "seeds", *histories[0].columns.drop("epoch")]


def test_timings_are_means_of_a_whole_run(root: Path, params: Params) -> None:
    table = read_timings(params, root / "timings").set_index("variant")
    # Seeds take 2, 3 and 4 wall seconds per epoch, over 4, 4 and 3 epochs.
    assert table.loc["l2", "train_wall_seconds"] == pytest.approx((8 + 12 + 12) / 3)
    assert table.loc["l2", "train_cpu_seconds"] == pytest.approx((6 + 10 + 10.5) / 3)
    assert table.loc["l2", "epochs"] == pytest.approx(11 / 3)
    assert list(table.index) == list(VARIANTS)


@pytest.mark.parametrize("file", ["split.json", "labels.csv", "l2/probabilities.npy", "l2/scores.csv"])
def test_a_missing_file_is_named_with_its_cure(root: Path, params: Params, file: str) -> None:
    (root / "evaluation" / file).unlink()
    with pytest.raises(InputError, match=rf"evaluation/{file}: no such file: run `dvc repro`"):
        compare(params, root / "evaluation")


def test_results_of_other_seeds_are_refused(root: Path, params: Params) -> None:
    other = params.model_copy(update={"seeds": (1, 2, 3)})
    with pytest.raises(IntegrityError, match=r"scores.csv: seeds \[128, 129, 130\]: must be \[1, 2, 3\]"):
        compare(other, root / "evaluation")


def test_probabilities_of_another_shape_are_refused(root: Path, params: Params) -> None:
    np.save(root / "evaluation/l2/probabilities.npy", np.zeros((3, 59, 10), dtype=np.float32))
    with pytest.raises(IntegrityError, match=r"shape \(3, 59, 10\) for 60 labels: must be \(3, 60, 10\)"):
        compare(params, root / "evaluation")
