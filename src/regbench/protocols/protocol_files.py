"""Writes the files of every protocol: a table as CSV and as Markdown, and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from regbench.files import atomic, write_csv
from regbench.report.drawing import to_png
from regbench.report.pair_chart import pair_chart


def write_study(folder: Path, name: str, rows: pd.DataFrame, text: str, picture: bytes) -> str:
    """Write NAME.csv, NAME.md and NAME.png to `folder`; return the Markdown."""
    write_csv(folder / f"{name}.csv", rows)
    for suffix, content in (("md", text.encode()), ("png", picture)):
        with atomic(folder / f"{name}.{suffix}") as temporary:
            temporary.write_bytes(content)
    return text


def draw_pairs(names: Sequence[str], rows: pd.DataFrame, told: Sequence[bool], split: str) -> bytes:
    """Return a picture of a protocol's rows, in their order: accuracies as errors, differences as gains."""
    gains = rows[["difference", "difference_low", "difference_high"]] * 100
    drawn = pd.DataFrame(
        {
            "name": list(names),
            "error": 100 * (1 - rows["accuracy"]),
            "error_low": 100 * (1 - rows["accuracy_high"]),
            "error_high": 100 * (1 - rows["accuracy_low"]),
            "gain": gains["difference"],
            "gain_low": gains["difference_low"],
            "gain_high": gains["difference_high"],
            "told": list(told),
        }
    )
    return to_png(pair_chart(drawn, split))


def interval(low: float, high: float, factor: float = 1, digits: int = 2) -> str:
    """Return the two ends of an interval as text: `2.61 to 3.70`."""
    return f"{factor * low:.{digits}f} to {factor * high:.{digits}f}"


def points(row: "pd.Series[Any]") -> str:
    """Return a row's paired difference of accuracy in points, with its interval: `+0.79 (0.46 to 1.12)`."""
    ends = interval(row["difference_low"], row["difference_high"], 100)
    return f"{100 * row['difference']:+.2f} ({ends})"
