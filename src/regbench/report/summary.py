"""Describes a comparison in words: the headline, and tables that are readable in a terminal and as Markdown."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.data.messages import escape_markdown
from regbench.errors import InputError
from regbench.report.comparison import NETWORKS, Comparison
from regbench.report.findings import advice, finding, groups, log_loss_verdict, power, verdict, vetoes

_BESIDE = ["error %", "balanced error %", "F1"]
"""Columns that are shown where classes differ in size."""
NO_TEST_SPLIT = (
    "This data set has no test split: all figures come from the validation images, on which the best epochs were "
    "chosen too, so they flatter every variant."
)


def headline(comparison: Comparison, data: dict[str, Any]) -> list[str]:
    """Return the sentences that open the comparison; `data` is the content of data/report/report.json."""
    listed = [f"{title}: {members}." for title, members in groups(comparison)]
    opening = [*warnings(comparison, data), finding(comparison)]
    return [*opening, *conclusions(comparison), *listed, *facts(comparison, data)]


def warnings(comparison: Comparison, data: dict[str, Any]) -> list[str]:
    """Return the warnings that come before the numbers: limits of the data, and images that flatter the scores."""
    limits = [f"{line[:1].upper()}{line[1:]}." for line in data.get("limits", [])]
    return [*limits, *([NO_TEST_SPLIT] if comparison.split != "test" else [])]


def facts(comparison: Comparison, data: dict[str, Any]) -> list[str]:
    """Say what was compared, on how many images, with which seeds, on which data.

    Raises:
        InputError: `data` has no hash or no counts.
    """
    try:
        counts, data_hash = data["images"], str(data["data_hash"])
    except KeyError as missing:
        raise InputError(f"report.json of the data: lacks {missing}: run `dvc repro ingest`") from None
    images = ", ".join(f"{counts[split]:,} {split}" for split in ("train", "validation", "test") if counts.get(split))
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    return [
        f"{_count(len(comparison.variants), 'variant')}, each trained under {_count(len(comparison.seeds), 'seed')} "
        f"({seeds}) and evaluated on {comparison.images:,} {comparison.split} images.",
        f"Images: {images}; data hash {data_hash[:12]}.",
    ]


def conclusions(comparison: Comparison) -> list[str]:
    """Return the conclusions: which variant to use, which variants lose a class, and what this test can detect."""
    if not comparison.verdicts:
        return []
    return [advice(comparison), *vetoes(comparison), power(comparison)]


def table_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells of the comparison table, best first."""
    error = f"{comparison.measure} %"
    level = f"{100 * comparison.confidence:g} % interval"
    header = ["variant", error, level, "gain", "P(wins)", "verdict", "log-loss", "by log-loss", "ECE %", "gap", "seeds"]
    header += [NETWORKS] if comparison.networks_of else []
    header += _BESIDE if comparison.unbalanced else []
    rows = []
    for _, row in comparison.table.iterrows():
        variant = str(row["variant"])
        rows.append(
            [
                variant,
                f"{row['test_error_percent']:.2f}",
                error_interval(row),
                *_versus(comparison, variant),
                verdict(comparison, variant),
                f"{row['log_loss']:.4f}",
                log_loss_verdict(comparison, variant),
                f"{100 * row['calibration_error']:.2f}",
                f"{100 * row['gap']:.2f}",
                f"{row['seeds']}",
                *([f"{row[NETWORKS]:g}"] if comparison.networks_of else []),
            ]
        )
    if comparison.unbalanced:
        rows = [[*cells, *beside] for cells, beside in zip(rows, _beside(comparison), strict=True)]
        rows.append(_majority(comparison, len(header)))
    return header, rows


def _beside(comparison: Comparison) -> list[list[str]]:
    """Return the cells of the columns that are shown where classes differ in size."""
    columns = (comparison.table[name] for name in ("error_percent", "balanced_accuracy", "macro_f1"))
    return [
        [f"{error:.2f}", f"{100 * (1 - recall):.2f}", f"{f1:.4f}"] for error, recall, f1 in zip(*columns, strict=True)
    ]


def _majority(comparison: Comparison, width: int) -> list[str]:
    """Return the row of a network that always predicts the largest class."""
    images = np.array(comparison.class_images)
    largest, classes = int(images.argmax()), int((images > 0).sum())
    share = images[largest] / images.sum()
    error, balanced, f1 = 100 * (1 - share), 100 * (1 - 1 / classes), 2 * share / (1 + share) / classes
    asked = balanced if comparison.score == "balanced_error" else error
    beside = [f"{error:.2f}", f"{balanced:.2f}", f"{f1:.4f}"]
    blank = [""] * (width - 2 - len(beside))
    return [f"(always {comparison.classes[largest]!r})", f"{asked:.2f}", *blank, *beside]


def _versus(comparison: Comparison, variant: str) -> list[str]:
    """Return the gain in points, with a star where it is significant, and P(wins)."""
    found = comparison.verdicts.get(variant)
    if found is None:
        return ["", ""]
    star = "*" if found.verdict in ("better", "worse") else " "
    wins = "" if np.isnan(found.wins.mean) else f"{found.wins.mean:.2f}"
    return [f"{100 * found.difference.mean:+.2f}{star}", wins]


def timing_rows(comparison: Comparison, timings: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells of the timing table, in the order of the comparison."""
    header = ["variant", "wall s a run", "CPU s a run", "CPU s an epoch", "epochs", "seeds"]
    header += [NETWORKS] if comparison.networks_of else []
    rows = []
    for _, row in timings.set_index("variant").loc[comparison.order].reset_index().iterrows():
        wall, cpu, epochs = row["train_wall_seconds"], row["train_cpu_seconds"], row["epochs"]
        cells = [f"{wall:.1f}", f"{cpu:.1f}", f"{cpu / epochs:.2f}", f"{epochs:.1f}", f"{row['seeds']}"]
        cells += [f"{comparison.networks_of[str(row['variant'])]:g}"] if comparison.networks_of else []
        rows.append([str(row["variant"]), *cells])
    return header, rows


def markdown(comparison: Comparison, data: dict[str, Any]) -> str:
    """Return the headline and the table as Markdown."""
    lines = "\n".join(f"- {escape_markdown(sentence)}" for sentence in headline(comparison, data))
    header, rows = table_rows(comparison)
    table = text_table(header, [[escape_markdown(cell) for cell in row] for row in rows])
    return "\n\n".join([lines, table, notes(comparison)])


def notes(comparison: Comparison) -> str:
    """Say what the columns of the table mean."""
    noise = "of seeds and of" if len(comparison.seeds) > 1 else "of one seed's"
    return (
        f"Means over seeds. Intervals and verdicts account for the variance {noise} {comparison.split} images. "
        f"Gain: points less error than {comparison.baseline}; * significant. P(wins): probability that a new run of "
        f"the variant errs less than a new run of {comparison.baseline}. Verdicts hold for all variants together, by "
        "error and by log-loss. Undecided: in brackets the seeds per variant that would decide it at the observed "
        "difference (power 0.8), where any number would. ECE: expected calibration error. Gap: train accuracy minus "
        f"{comparison.split} accuracy, points."
        + (" Networks: that answer as one, mean over seeds." if comparison.networks_of else "")
        + (" Balanced error: 1 - mean recall of the classes. F1: mean over classes." if comparison.unbalanced else "")
        + "\n"
    )


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table for a terminal: padded to equal widths, with numbers aligned right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(_padded(line, widths)) + " |" for line in lines)


def error_interval(row: "pd.Series[Any]") -> str:
    """Return the interval of a row's error in percent: `2.61 to 3.70`."""
    return f"{100 * (1 - row['test_accuracy_high']):.2f} to {100 * (1 - row['test_accuracy_low']):.2f}"


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
