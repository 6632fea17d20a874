"""Compares variants with a fraction of damaged train images: which regularizer is robust."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from regbench.config.params import Params
from regbench.data.dataset import load_shape
from regbench.errors import InputError
from regbench.protocols.conditions import judge_conditions
from regbench.protocols.damaged_images import Damage, write_damaged
from regbench.protocols.protocol import run_protocol
from regbench.protocols.protocol_files import interval, points, write_study
from regbench.report.comparison import Comparison
from regbench.report.drawing import to_png
from regbench.report.noise_chart import noise_chart
from regbench.report.summary import NO_TEST_SPLIT, text_table

WHAT = {"labels": "wrong labels", "outliers": "outliers"}
"""Kinds of damage in words."""
CLEAN = Damage("labels", 0)


def write_label_noise(
    params: Params, rates: Sequence[float], outliers: Sequence[float], data: Path, out: Path, seed: int
) -> str:
    """Compare the variants of `params` under each damage, in `out/DAMAGE`; write label-noise.csv, .md, .png to `out`.

    Validation and test images stay as they are. The undamaged train images are always one of the conditions. Returns
    the Markdown.

    Args:
        params: variants without ranges.
        rates: fractions of the train images that get a wrong label.
        outliers: fractions of the train images that get shuffled pixels.
        data: folder of the ingested splits.
        out: folder of the results.
        seed: decides which images are damaged, and how.

    Raises:
        InputError: the images have one class only.
    """
    if len(load_shape(data / "dataset.json").classes) < 2:
        raise InputError(f"{data}: has one class: no label can be wrong")
    wrong = [Damage("labels", rate) for rate in sorted(set(rates) - {0})]
    damages = [CLEAN, *wrong, *(Damage("outliers", rate) for rate in sorted(set(outliers) - {0}))]
    comparisons, counts = {}, {}
    for damage in damages:
        place = out / damage.name / "data" if damage.rate else data
        counts[damage] = write_damaged(data, place, damage, seed) if damage.rate else 0
        comparisons[damage] = run_protocol(params, place, out / damage.name)
    rows = judge_damages(comparisons, counts)
    first = comparisons[CLEAN]
    picture = noise_chart(rows, first.variants, first.baseline, first.measure)
    return write_study(out, "label-noise", rows, markdown(rows, first), to_png(picture))


def judge_damages(comparisons: Mapping[Damage, Comparison], counts: Mapping[Damage, int]) -> pd.DataFrame:
    """Return a row per damage and variant, as `judge_conditions`, with the damage and its number of train images.

    `rise` is the increase of a variant's error over undamaged images, in points.
    """
    rows: list[dict[str, Any]] = []
    clean: dict[str, float] = {}
    for damage, row in judge_conditions(comparisons):
        clean.setdefault(row["variant"], row["error_percent"])
        head = {"damage": damage.kind, "rate": damage.rate, "damaged_images": counts[damage]}
        rows.append(head | row | {"rise": row["error_percent"] - clean[row["variant"]]})
    return pd.DataFrame(rows)


def markdown(rows: pd.DataFrame, first: Comparison) -> str:
    """Return the findings and the table as Markdown; `first` is the comparison on undamaged images."""
    level = f"{100 * first.confidence:g} % interval"
    header = ["variant", "train images", f"{first.measure} %", level, "rise", f"gain over {first.baseline}", "p"]
    cells = []
    for _, row in rows.iterrows():
        compared = ["", "", ""]
        if row["variant"] != first.baseline:
            compared = [points(row), f"{row['adjusted_p']:.2g}", str(row["verdict"])]
        error = interval(row["error_low"], row["error_high"])
        cells.append(
            [row["variant"], _condition(row), f"{row['error_percent']:.2f}", error, f"{row['rise']:+.2f}", *compared]
        )
    seeds = ", ".join(str(seed) for seed in first.seeds)
    lines = [
        f"A part of the train images is wrong, the same for all variants; validation and test images are as they were; "
        f"judged on {first.images:,} {first.split} images, seeds {seeds}.",
        *what_holds(rows, first.baseline),
        *([NO_TEST_SPLIT] if first.split != "test" else []),
    ]
    notes = (
        "Rise: points of error more than without damage. Gain: points less error than the baseline under the same "
        "damage, with its interval. p-values and intervals hold for the whole table. One draw of the damaged images: "
        "what another one would do is not in the intervals.\n"
    )
    opening = "\n".join(f"- {line}" for line in lines)
    return "\n\n".join([opening, text_table([*header, "verdict"], cells), notes])


def what_holds(rows: pd.DataFrame, baseline: str) -> list[str]:
    """Say, for the worst damage of each kind, which variants beat the baseline and which one's error rises least."""
    said = []
    for kind, group in rows[rows["rate"] > 0].groupby("damage", sort=False):
        worst = group[group["rate"] == group["rate"].max()]
        better = worst.loc[worst["verdict"] == "better", "variant"] if "verdict" in worst else pd.Series(dtype=str)
        steady = worst.loc[worst["rise"].idxmin()]
        found = f"better than {baseline}: {', '.join(better)}" if len(better) else f"none is better than {baseline}"
        said.append(
            f"At {100 * worst['rate'].iloc[0]:g} % {WHAT[str(kind)]}: {found}. The error of {steady['variant']} rises "
            f"least, by {steady['rise']:.2f} points to {steady['error_percent']:.2f} %."
        )
    return said


def _condition(row: "pd.Series[Any]") -> str:
    if not row["rate"]:
        return "as they are"
    return f"{100 * row['rate']:g} % {WHAT[str(row['damage'])]} ({row['damaged_images']:,})"
