"""A comparison in words: the headline, and tables that read well in a terminal and as Markdown."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from regbench.errors import InputError
from regbench.report.comparison import Comparison

NO_TEST_SPLIT = (
    "This data set has no test split: all figures come from the validation images, on which the best epochs were "
    "chosen too, so they flatter every variant."
)


def headline(comparison: Comparison, data: dict[str, Any]) -> list[str]:
    """Return the sentences that open the comparison; `data` is the content of data/report/report.json."""
    sentences = [*facts(comparison, data), best_sentence(comparison), *conclusions(comparison)]
    return [*sentences, NO_TEST_SPLIT] if comparison.split != "test" else sentences


def facts(comparison: Comparison, data: dict[str, Any]) -> list[str]:
    """Say what was compared, on how many images, under which seeds, on which data.

    Raises:
        InputError: `data` lacks its hash or its counts.
    """
    try:
        counts, data_hash = data["images"], str(data["data_hash"])
    except KeyError as missing:
        raise InputError(f"report.json of the data: lacks {missing}: run `dvc repro ingest`") from None
    images = ", ".join(f"{counts[split]:,} {split}" for split in ("train", "validation", "test") if counts.get(split))
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    return [
        f"{_count(len(comparison.variants), 'variant')}, each trained under {_count(len(comparison.seeds), 'seed')} "
        f"({seeds}) and judged on {comparison.images:,} {comparison.split} images.",
        f"Images: {images}; data hash {data_hash[:12]}.",
    ]


def best_sentence(comparison: Comparison) -> str:
    """Say which variant errs least, with its interval."""
    best = comparison.table.iloc[0]
    return (
        f"Best: {comparison.best} with {best['test_error_percent']:.2f} % {comparison.split} error "
        f"({100 * comparison.confidence:g} % interval {error_interval(best)} %)."
    )


def verdict_sentence(comparison: Comparison) -> str:
    """Say whether the best variant can be told from the baseline, and which others cannot be told from the best."""
    baseline, best = comparison.baseline, comparison.best
    if not comparison.verdicts:
        return "There is nothing to compare it with."
    if best == baseline:
        return f"No variant errs less than {baseline}. {_ties(comparison)}"
    found = comparison.verdicts[best]
    gain = found.difference
    told = "can" if found.verdict == "better" else "cannot"
    return (
        f"It {told} be told from {baseline}: {100 * gain.mean:.2f} points less error, paired "
        f"{100 * comparison.confidence:g} % interval {100 * gain.low:.2f} to {100 * gain.high:.2f}, p = "
        f"{found.adjusted_p:.2g} adjusted for {_count(len(comparison.verdicts), 'comparison')}. {_ties(comparison)}"
    )


def conclusions(comparison: Comparison) -> list[str]:
    """Return what follows from the figures: verdict and ties, recommendation, vetoes, and what this test can see."""
    return [
        verdict_sentence(comparison),
        *([_recommendation(comparison)] if comparison.verdicts else []),
        *_vetoes(comparison),
        *([_power(comparison)] if comparison.verdicts else []),
    ]


def _recommendation(comparison: Comparison) -> str:
    name = comparison.judgement.recommendation
    return f"Recommended: {name}, the simplest of those that cannot be told from the best and lose no class."


def _vetoes(comparison: Comparison) -> list[str]:
    """Name the variants that are no worse on average, and yet significantly worse on a class."""
    sentences = []
    for name in comparison.order:
        lost = comparison.judgement.standings[name].lost_classes
        if lost and comparison.verdicts[name].verdict != "worse":
            classes = ", ".join(comparison.classes[index] for index in lost)
            sentences.append(f"Flagged: {name} is significantly worse than {comparison.baseline} on class {classes}.")
    return sentences


def _power(comparison: Comparison) -> str:
    points = 100 * comparison.judgement.smallest_detectable
    return (
        f"Smallest difference that these seeds and images would show (power 0.8, median over variants): "
        f"{points:.2f} points."
    )


def table_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells of the comparison table, best first."""
    error = f"{comparison.split} error %"
    level = f"{100 * comparison.confidence:g} % interval"
    header = ["variant", error, level, "gain", "log-loss", "F1", "ECE %", "gap", "zeros %", "epochs", "seeds"]
    rows = []
    for _, row in comparison.table.iterrows():
        variant = str(row["variant"])
        rows.append(
            [
                variant,
                f"{row['test_error_percent']:.2f}",
                error_interval(row),
                _versus(comparison, variant),
                f"{row['log_loss']:.4f}",
                f"{row['macro_f1']:.4f}",
                f"{100 * row['calibration_error']:.2f}",
                f"{100 * row['gap']:.2f}",
                f"{100 * row['zero_weights']:.1f}",
                f"{row['epochs']:.1f}",
                f"{row['seeds']}",
            ]
        )
    return header, rows


def timing_rows(comparison: Comparison, timings: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return the header and the formatted cells of the timing table, in the order of the comparison."""
    header = ["variant", "wall s a run", "CPU s a run", "CPU s an epoch", "epochs", "seeds"]
    rows = []
    for _, row in timings.set_index("variant").loc[comparison.order].reset_index().iterrows():
        wall, cpu, epochs = row["train_wall_seconds"], row["train_cpu_seconds"], row["epochs"]
        cells = [f"{wall:.1f}", f"{cpu:.1f}", f"{cpu / epochs:.2f}", f"{epochs:.1f}", f"{row['seeds']}"]
        rows.append([str(row["variant"]), *cells])
    return header, rows


def markdown(comparison: Comparison, data: dict[str, Any]) -> str:
    """Return the headline and the table as Markdown."""
    lines = "\n".join(f"- {sentence}" for sentence in headline(comparison, data))
    return "\n\n".join([lines, text_table(*table_rows(comparison)), notes(comparison)])


def notes(comparison: Comparison) -> str:
    """Say what the columns of the table mean."""
    noise = "of seeds and of" if len(comparison.seeds) > 1 else "of one seed's"
    return (
        f"Means over seeds. Intervals and verdicts carry the noise {noise} {comparison.split} images. "
        f"Gain: points less error than {comparison.baseline}, paired by seed and image; * where the two can be told "
        "apart, Holm's correction for several comparisons included. F1: mean over classes. ECE: expected calibration "
        f"error. Gap: train accuracy minus {comparison.split} accuracy, points. Zeros: hidden weights that are 0.\n"
    )


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table padded to equal widths, so that it reads well in a terminal; figures stand right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(_padded(line, widths)) + " |" for line in lines)


def error_interval(row: "pd.Series[Any]") -> str:
    """Return the two ends of a table row's error in percent: `2.61 to 3.70`."""
    return f"{100 * (1 - row['test_accuracy_high']):.2f} to {100 * (1 - row['test_accuracy_low']):.2f}"


def _ties(comparison: Comparison) -> str:
    ties = [name for name in comparison.order if name in comparison.judgement.tie_set and name != comparison.best]
    return f"Not told from the best: {', '.join(ties)}." if ties else "Every other variant is told from the best."


def _versus(comparison: Comparison, variant: str) -> str:
    found = comparison.verdicts.get(variant)
    if found is None:
        return ""
    return f"{100 * found.difference.mean:+.2f}{' ' if found.verdict == 'cannot tell' else '*'}"


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = zip(cells, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
