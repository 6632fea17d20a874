"""Shows what changed between two comparisons, such as those of two commits."""

import pandas as pd

from regbench.report.summary import text_table

HEADER = ("variant", "error % before", "error % now", "change", "verdict before", "verdict now")
NOTE = (
    "Change: points of error, below 0 is better. Verdicts compare each variant with the baseline of the same revision; "
    "the change itself is not tested for significance."
)


def difference(before: pd.DataFrame, now: pd.DataFrame) -> str:
    """Return a Markdown table of the variants of two comparisons, best first, and a sentence about the differences.

    Both have the columns variant, test_error_percent and verdict of `comparison.csv`. For a variant in only one of
    them, the cells of the other are empty. Variants that were removed come last.
    """
    old, new = before.set_index("variant"), now.set_index("variant")
    names = [*map(str, new.index), *(str(name) for name in old.index if name not in new.index)]
    rows = [[name, *_errors(name, old, new), _verdict(name, old), _verdict(name, new)] for name in names]
    return f"{_sentence(names, old, new)}\n\n{text_table(HEADER, rows)}\n\n{NOTE}\n"


def _errors(name: str, old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    errors = [float(table["test_error_percent"][name]) if name in table.index else None for table in (old, new)]
    shown = ["" if error is None else f"{error:.2f}" for error in errors]
    before, now = errors
    return [*shown, "" if before is None or now is None else f"{now - before:+.2f}"]


def _verdict(name: str, table: pd.DataFrame) -> str:
    found = table["verdict"].get(name, "")
    return "" if pd.isna(found) else str(found)


def _sentence(names: list[str], old: pd.DataFrame, new: pd.DataFrame) -> str:
    parts = {
        "added": [name for name in names if name not in old.index],
        "removed": [name for name in names if name not in new.index],
        "other verdict": [
            name
            for name in names
            if name in old.index and name in new.index and _verdict(name, old) != _verdict(name, new)
        ],
    }
    said = [f"{what}: {', '.join(found)}" for what, found in parts.items() if found]
    text = "; ".join(said) if said else "the same variants with the same verdicts"
    return f"{text[0].upper()}{text[1:]}."
