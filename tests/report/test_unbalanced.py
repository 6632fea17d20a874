"""Classes of unequal size: balanced error beside error, by request what is compared, and the majority's row."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score
from support.outputs import small_params, write_outputs

from regbench.config.params import Params
from regbench.report.comparison import Comparison, compare
from regbench.report.summary import headline, markdown, table_rows

IMAGES, SEEDS = 1000, 4
LABELS = np.repeat([0, 1, 2], [900, 80, 20])


def outcome(root: Path, score: str = "error", groups: bool = False) -> tuple[Params, Comparison]:
    """`greedy` is better on the largest class and lost on the others."""
    params = small_params(("baseline", "greedy"), SEEDS)
    params = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"score": score})})
    write_outputs(root, params, images=IMAGES, classes=3)
    table = pd.read_csv(root / "evaluation/labels.csv").assign(label=LABELS)
    table = table.assign(group=[f"g{number // 50}" for number in range(IMAGES)]) if groups else table
    table.to_csv(root / "evaluation/labels.csv", index=False)
    random = np.random.default_rng(0)
    for name, rates in {"baseline": (0.1, 0.1, 0.1), "greedy": (0.01, 0.6, 0.9)}.items():
        wrong = random.random((SEEDS, IMAGES)) < np.array(rates)[LABELS]
        said = np.where(wrong, (LABELS + 1) % 3, LABELS)
        probabilities = np.full((SEEDS, IMAGES, 3), 0.1, dtype=np.float32)
        np.put_along_axis(probabilities, said[..., None], 0.8, axis=2)
        np.save(root / f"evaluation/{name}/probabilities.npy", probabilities)
        scores = pd.read_csv(root / f"evaluation/{name}/scores.csv")
        scores["error_percent"] = 100 * (said != LABELS).mean(1)
        scores["balanced_accuracy"] = [balanced_accuracy_score(LABELS, row) for row in said]
        scores.to_csv(root / f"evaluation/{name}/scores.csv", index=False)
    return params, compare(params, root / "evaluation")


def test_by_error_the_greedy_one_wins_and_by_balanced_error_it_loses(tmp_path: Path) -> None:
    _, by_error = outcome(tmp_path / "a")
    _, balanced = outcome(tmp_path / "b", "balanced_error")
    assert (by_error.best, balanced.best) == ("greedy", "baseline")
    assert (by_error.verdicts["greedy"].verdict, balanced.verdicts["greedy"].verdict) == ("better", "worse")
    assert (by_error.measure, balanced.measure) == ("test error", "balanced test error")
    row = balanced.table.set_index("variant").loc["greedy"]
    assert row["test_accuracy"] == pytest.approx(row["balanced_accuracy"], rel=1e-12)
    assert row["test_error_percent"] > 40 > 10 > row["error_percent"]
    assert balanced.seed_errors.groupby("variant")["error_percent"].mean()["greedy"] == pytest.approx(
        row["test_error_percent"]
    )


def test_the_table_has_both_errors_and_a_row_of_the_majority(tmp_path: Path) -> None:
    _, comparison = outcome(tmp_path)
    header, rows = table_rows(comparison)
    assert header[1] == "test error %" and header[-3:] == ["error %", "balanced error %", "F1"]
    last = dict(zip(header, rows[-1], strict=True))
    constant = np.zeros(IMAGES, dtype=int)
    f1 = f1_score(LABELS, constant, average="macro", zero_division=0)
    assert last["variant"] == "(always '0')" and last["error %"] == last["test error %"] == "10.00"
    assert last["balanced error %"] == f"{100 * (1 - balanced_accuracy_score(LABELS, constant)):.2f}" == "66.67"
    assert last["F1"] == f"{f1:.4f}"
    _, comparison = outcome(tmp_path / "again", "balanced_error")
    header, rows = table_rows(comparison)
    assert header[1] == "balanced test error %" and rows[-1][1] == "66.67"
    assert len({len(row) for row in [header, *rows]}) == 1


def test_balanced_classes_show_no_further_columns(tmp_path: Path) -> None:
    params = small_params()
    write_outputs(tmp_path, params, images=600)
    comparison = compare(params, tmp_path / "evaluation")
    assert max(comparison.class_images) < 3 * min(comparison.class_images)
    header, rows = table_rows(comparison)
    assert header[-1] == "seeds" and len(rows) == 3


def test_the_limits_of_the_data_stand_first(tmp_path: Path) -> None:
    _, comparison = outcome(tmp_path)
    record = json.loads((tmp_path / "data/report/report.json").read_text())
    record["limits"] = ["no test images of class 'x': errors say nothing of it: add images"]
    assert headline(comparison, record)[0] == "No test images of class 'x': errors say nothing of it: add images."
    assert markdown(comparison, record).startswith("- No test images of class 'x'")


def test_groups_widen_intervals_where_they_differ(tmp_path: Path) -> None:
    _, alone = outcome(tmp_path / "a")
    _, grouped = outcome(tmp_path / "b", groups=True)
    assert grouped.scores["greedy"].shape == (SEEDS, 20) and alone.scores["greedy"].shape == (SEEDS, IMAGES)
    widths = [
        found.table.set_index("variant").eval("test_accuracy_high - test_accuracy_low")["greedy"]
        for found in (alone, grouped)
    ]
    assert widths[1] > 2 * widths[0], "classes lie in groups, so whole groups are hard"
    assert grouped.table["test_error_percent"].tolist() == pytest.approx(alone.table["test_error_percent"].tolist())
