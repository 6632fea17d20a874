"""The difference of two comparisons: errors and verdicts side by side."""

import pandas as pd

from regbench.report.difference import difference


def comparison(*rows: tuple[str, float, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["variant", "test_error_percent", "verdict"])


BEFORE = comparison(("L2", 3.0, "better"), ("dropout", 3.5, "undecided"), ("baseline", 4.0, None))


def cells(text: str) -> list[list[str]]:
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_changes_stand_beside_each_other_best_first() -> None:
    now = comparison(("dropout", 2.75, "better"), ("new", 3.25, "undecided"), ("baseline", 4.0, None))
    text = difference(BEFORE, now)
    assert text.startswith("Added: new; removed: L2; other verdict: dropout.\n\n| variant ")
    assert cells(text) == [
        ["dropout", "3.50", "2.75", "-0.75", "undecided", "better"],
        ["new", "", "3.25", "", "", "undecided"],
        ["baseline", "4.00", "4.00", "+0.00", "", ""],
        ["L2", "3.00", "", "", "better", ""],
    ]


def test_nothing_changed() -> None:
    assert difference(BEFORE, BEFORE).startswith("The same variants with the same verdicts.\n")
