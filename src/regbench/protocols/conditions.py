"""Compares the same variants under several conditions, such as train sets, with the baseline of each condition."""

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from regbench.report.comparison import Comparison
from regbench.statistics.comparison import compare_pairs

Condition = TypeVar("Condition", bound=Hashable)


def judge_conditions(comparisons: Mapping[Condition, Comparison]) -> list[tuple[Condition, dict[str, Any]]]:
    """Return a row per condition and variant; all comparisons of the table are one family.

    Rows have variant, seeds, error_percent with error_low and error_high. Rows of variants other than the baseline also
    have difference (of accuracy, a fraction) with difference_low and difference_high, adjusted_p and verdict.
    """
    first = next(iter(comparisons.values()))
    scores = {(key, name): cells for key, found in comparisons.items() for name, cells in found.scores.items()}
    pairs = [((key, name), (key, first.baseline)) for key, name in scores if name != first.baseline]
    results = {
        pair[0]: found for pair, found in zip(pairs, compare_pairs(scores, pairs, first.confidence), strict=True)
    }
    rows = []
    for key, comparison in comparisons.items():
        for name in first.variants:
            accuracy = comparison.judgement.standings[name].accuracy
            row: dict[str, Any] = {
                "variant": name,
                "seeds": len(comparison.seeds),
                "error_percent": 100 * (1 - accuracy.mean),
                "error_low": 100 * (1 - accuracy.high),
                "error_high": 100 * (1 - accuracy.low),
            }
            if found := results.get((key, name)):
                row |= {
                    "difference": found.difference.mean,
                    "difference_low": found.difference.low,
                    "difference_high": found.difference.high,
                    "adjusted_p": found.adjusted_p,
                    "verdict": found.verdict,
                }
            rows.append((key, row))
    return rows
