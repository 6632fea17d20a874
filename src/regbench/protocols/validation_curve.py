"""Train, validation and test error against one hyperparameter: shows where a network underfits and overfits."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from regbench.config.params import Params
from regbench.data.dataset import SplitName
from regbench.protocols.curve_points import curve_params
from regbench.protocols.protocol import run_protocol
from regbench.protocols.protocol_files import interval, write_study
from regbench.protocols.split_errors import split_errors
from regbench.report.comparison import Comparison
from regbench.report.curve_chart import curve_chart
from regbench.report.drawing import to_png
from regbench.report.summary import NO_TEST_SPLIT, text_table
from regbench.statistics.intervals import Interval

LEARNT: tuple[SplitName, ...] = ("train", "validation")
Errors = Mapping[tuple[str, SplitName], Interval]
"""Errors in percent, by variant and split."""


def write_validation_curve(
    params: Params, variant: str, key: str, values: Sequence[float], data: Path, out: Path
) -> str:
    """Train a variant with each value of a hyperparameter; write validation-curve.csv, .md and .png to `out`.

    Returns the Markdown.

    Raises:
        InputError: see `regbench.protocols.curve_points.curve_params`.
    """
    settings, points = curve_params(params, variant, key, values)
    comparison = run_protocol(settings, data, out)
    errors = split_errors(settings, data, out / "runs", LEARNT)
    rows = curve_rows(comparison, errors, points)
    picture = curve_chart(rows, key, variant, comparison.measure)
    return write_study(out, "validation-curve", rows, markdown(rows, comparison, variant, key), to_png(picture))


def curve_rows(comparison: Comparison, errors: Errors, points: Mapping[str, float]) -> pd.DataFrame:
    """Return a row per value: errors of each split in percent with their intervals, log-loss, and which is chosen.

    The chosen value has the least validation error; ties: the smallest value. Without a test split, the columns
    `test_...` are of the validation images.
    """
    rows = []
    for name, value in points.items():
        row: dict[str, object] = {"value": value, "seeds": len(comparison.seeds)}
        accuracy = comparison.judgement.standings[name].accuracy
        test = Interval(*(100 * (1 - end) for end in (accuracy.mean, accuracy.high, accuracy.low)))
        for split, found in (*((split, errors[name, split]) for split in LEARNT), ("test", test)):
            row |= {f"{split}_error": found.mean, f"{split}_low": found.low, f"{split}_high": found.high}
        own = comparison.table.set_index("variant").loc[name]
        rows.append(row | {"log_loss": own["log_loss"]})
    table = pd.DataFrame(rows)
    return table.assign(chosen=table.index == table["validation_error"].idxmin())


def markdown(rows: pd.DataFrame, comparison: Comparison, variant: str, key: str) -> str:
    """Return the conclusions from the curve, and its table, as Markdown."""
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    judged = f"judged on {comparison.images:,} {comparison.split} images, seeds {seeds}"
    lines = [
        f"{key} of {variant}, all else equal; {judged}.",
        choice(rows, comparison, key),
        *([NO_TEST_SPLIT] if comparison.split != "test" else []),
    ]
    header = [key]
    for split in (*LEARNT, comparison.measure.removesuffix(" error")):
        header += [f"{split} error %", "interval"]
    cells = [
        [
            f"{row['value']:g}",
            *(cell for split in (*LEARNT, "test") for cell in _error(row, split)),
            f"{row['log_loss']:.4f}",
            "*" if row["chosen"] else "",
        ]
        for row in rows.to_dict("records")
    ]
    notes = (
        f"Means over seeds, of the best epochs' weights; {100 * comparison.confidence:g} % intervals over seeds and "
        "images. *: least validation error.\n"
    )
    opening = "\n".join(f"- {line}" for line in lines)
    return "\n\n".join([opening, text_table([*header, "log-loss", "chosen"], cells), notes])


def choice(rows: pd.DataFrame, comparison: Comparison, key: str) -> str:
    """Say which value validation chooses, its error, and whether it is at an end of the curve."""
    place = int(rows["chosen"].to_numpy().argmax())
    best = rows.iloc[place]
    end = {
        0: "; it is the smallest value: try smaller ones",
        len(rows) - 1: "; it is the largest value: try larger ones",
    }
    return (
        f"Least validation error at {key} = {best['value']:g}: {best['test_error']:.2f} % {comparison.measure}, "
        f"{best['train_error']:.2f} % on train images{end.get(place, '') if best['value'] else ''}."
    )


def _error(row: Mapping[Hashable, Any], split: str) -> list[str]:
    return [f"{row[f'{split}_error']:.2f}", interval(row[f"{split}_low"], row[f"{split}_high"])]
