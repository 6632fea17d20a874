"""Compares variants at several numbers of train images: regularizers matter most where labels are few."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.params import Params
from regbench.data.dataset import load_split, read_index
from regbench.errors import InputError
from regbench.protocols.conditions import judge_conditions
from regbench.protocols.damaged_images import write_train
from regbench.protocols.protocol import run_protocol
from regbench.protocols.protocol_files import interval, points, write_study
from regbench.report.comparison import Comparison
from regbench.report.drawing import to_png
from regbench.report.size_chart import size_chart
from regbench.report.summary import NO_TEST_SPLIT, text_table
from regbench.runtime.randomness import generator


def write_learning_curve(params: Params, sizes: Sequence[int], data: Path, out: Path, seed: int) -> str:
    """Compare the variants of `params` at each size, in `out/SIZE`; write learning-curve.csv, .md and .png to `out`.

    The number of epochs is that of `params`, so fewer images mean fewer steps. Returns the Markdown.

    Raises:
        InputError: a size is below 2, or above the number of train images.
    """
    order = subset_order(data, seed)
    for size in sizes:
        if not 2 <= size <= len(order):
            raise InputError(f"sizes = {size}: must be 2 to {len(order)}, the number of train images")
    comparisons = {}
    for size in sorted(set(sizes)):
        write_subset(data, out / str(size) / "data", order[:size])
        comparisons[size] = run_protocol(params, out / str(size) / "data", out / str(size))
    rows = judge_sizes(comparisons)
    picture = size_chart(rows, *_names(comparisons), next(iter(comparisons.values())).split)
    return write_study(out, "learning-curve", rows, markdown(rows, comparisons), to_png(picture))


def subset_order(data: Path, seed: int) -> NDArray[np.int64]:
    """Return the train rows in a random order keyed by `seed`: a subset is the first rows, so subsets are nested."""
    return generator(seed, "subset").permutation(len(load_split(data, "train")))


def write_subset(data: Path, out: Path, rows: NDArray[np.int64]) -> None:
    """Write `data` to `out` with only these train rows, in their original order; the other splits are linked."""
    kept = np.sort(rows)
    write_train(data, out, load_split(data, "train").images[kept], read_index(data, "train").iloc[kept])


def judge_sizes(comparisons: Mapping[int, Comparison]) -> pd.DataFrame:
    """Return a row per size and variant; each variant is compared with the baseline of its size.

    All comparisons of the table are one family.
    """
    return pd.DataFrame([{"train_images": size, **row} for size, row in judge_conditions(comparisons)])


def markdown(rows: pd.DataFrame, comparisons: Mapping[int, Comparison]) -> str:
    """Return the table as Markdown."""
    first = next(iter(comparisons.values()))
    level = f"{100 * first.confidence:g} % interval"
    header = ["variant", "train images", f"{first.measure} %", level, f"gain over {first.baseline}", "p", "verdict"]
    cells = []
    for _, row in rows.iterrows():
        compared = ["", "", ""]
        if row["variant"] != first.baseline:
            compared = [points(row), f"{row['adjusted_p']:.2g}", row["verdict"]]
        error = interval(row["error_low"], row["error_high"])
        cells.append([row["variant"], f"{row['train_images']:,}", f"{row['error_percent']:.2f}", error, *compared])
    seeds = ", ".join(str(seed) for seed in first.seeds)
    opening = (
        f"- Nested random subsets of the train images, the same for all variants; judged on {first.images:,} "
        f"{first.split} images, seeds {seeds}. The epochs are the same, so fewer images are fewer steps."
    )
    warning = f"\n- {NO_TEST_SPLIT}" if first.split != "test" else ""
    notes = (
        "Gain: points less error than the baseline at the same size, with its interval. "
        "p-values and intervals hold for the whole table. One subset a size: what another draw of train "
        "images would do is not in the intervals.\n"
    )
    return "\n\n".join([opening + warning, text_table(header, cells), notes])


def _names(comparisons: Mapping[int, Comparison]) -> tuple[tuple[str, ...], str]:
    first = next(iter(comparisons.values()))
    return first.variants, first.baseline
