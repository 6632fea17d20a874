"""The words of a comparison: what the headline claims, and tables that line up."""

from pathlib import Path

import numpy as np
import pytest
from support.outputs import small_params, write_outputs

from regbench.errors import InputError
from regbench.files import read_json
from regbench.report.comparison import Comparison, compare
from regbench.report.findings import finding
from regbench.report.summary import facts, headline, markdown, notes, table_rows, text_table


def outcome(root: Path, names: tuple[str, ...] = ("baseline", "l2", "l1"), **options: object) -> Comparison:
    params = small_params(names)
    write_outputs(root, params, **options)  # type: ignore[arg-type]
    return compare(params, root / "evaluation")


def test_headline_says_what_was_compared(tmp_path: Path) -> None:
    comparison = outcome(tmp_path)
    text = " ".join(headline(comparison, read_json(tmp_path / "data/report/report.json")))
    assert "3 variants, each trained under 3 seeds (128, 129, 130) and evaluated on 60 test images." in text
    assert "700 train, 100 validation, 60 test; data hash abababababab." in text
    assert text.startswith(finding(comparison)) and f"Use {comparison.judgement.recommendation}: " in text
    assert "No test split" not in text and "no test split" not in text


def test_without_a_test_split_every_text_says_validation(tmp_path: Path) -> None:
    comparison = outcome(tmp_path, split="validation")
    text = markdown(comparison, read_json(tmp_path / "data/report/report.json"))
    assert "evaluated on 60 validation images" in text
    assert "This data set has no test split" in text
    assert "validation error %" in text
    assert "test error" not in text and "test images" not in text


def improved(root: Path, flipped: int) -> Comparison:
    """`l2` is the baseline, but right on up to `flipped` of the cells (seed, image) that the baseline gets wrong."""
    params = small_params(("baseline", "l2"))
    write_outputs(root, params)
    probabilities = np.load(root / "evaluation/baseline/probabilities.npy")
    labels = np.loadtxt(root / "evaluation/labels.csv", delimiter=",", skiprows=1, usecols=1, dtype=int)
    for seed, image in np.argwhere(probabilities.argmax(2) != labels)[:flipped]:
        probabilities[seed, image, labels[image]] = 2
    np.save(root / "evaluation/l2/probabilities.npy", probabilities)
    return compare(params, root / "evaluation")


def test_a_significant_gain_has_a_star(tmp_path: Path) -> None:
    header, rows = table_rows(improved(tmp_path, 1000))
    assert rows[0][header.index("gain")].endswith("*") and rows[0][header.index("verdict")] == "better"


def test_one_image_more_is_undecided(tmp_path: Path) -> None:
    comparison = improved(tmp_path, 1)
    assert finding(comparison).startswith("No variant differs significantly from baseline")
    header, rows = table_rows(comparison)
    assert rows[0][header.index("gain")].strip() == "+0.56"
    assert not any("*" in cell for row in rows for cell in row)


@pytest.mark.parametrize(
    ("seeds", "expected"), [(1, "variance of one seed's test images"), (2, "variance of seeds and of test images")]
)
def test_notes_say_which_variance_is_in_the_intervals(tmp_path: Path, seeds: int, expected: str) -> None:
    params = small_params(("baseline", "l2"), seeds)
    write_outputs(tmp_path, params)
    assert expected in notes(compare(params, tmp_path / "evaluation"))


def test_lines_of_the_table_have_one_width() -> None:
    table = text_table(["variant", "n"], [["a", "1000"], ["longer", "2"]])
    assert table.splitlines() == [
        "| variant |    n |",
        "| ------- | ---: |",
        "| a       | 1000 |",
        "| longer  |    2 |",
    ]


def test_a_data_report_without_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks 'data_hash': run `dvc repro ingest`"):
        facts(outcome(tmp_path), {"images": {}})
