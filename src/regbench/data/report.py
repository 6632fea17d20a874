"""The data report: counts, limits, sizes, brightness, duplicates, rejected rows, and a picture of samples."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from regbench import files
from regbench.config.data import Data
from regbench.data.dataset import SPLITS
from regbench.data.ingest import Ingested
from regbench.data.limits import find_limits
from regbench.data.messages import MAX_LISTED, escape_markdown, join_lines

SAMPLES = 12
"""Train images per class in the picture."""
MAX_ROWS = 100
"""Classes in the picture; further ones are left out."""


def write(ingested: Ingested, data: Data, folder: Path) -> list[str]:
    """Write report.json, report.md and samples.png to `folder`; return what the terminal shows, a line each."""
    report = summarize(ingested, data)
    files.remove_partial(folder)
    files.write_json(folder / "report.json", report)
    with files.atomic(folder / "report.md") as temporary:
        temporary.write_text(markdown(report), encoding="utf-8")
    with files.atomic(folder / "samples.png") as temporary:
        draw_samples(ingested).save(temporary)
    return terminal_lines(ingested, data)


def terminal_lines(ingested: Ingested, data: Data) -> list[str]:
    """Return what a terminal shows of a data set, a line each: layout, what is not used, splits, limits."""
    counts = ", ".join(f"{len(ingested.rows(split)):,} {split}" for split in SPLITS)
    summary = f"{data.raw}: {len(ingested.shape.classes)} classes, {counts}; {len(ingested.rejected)} rejected"
    limits = find_limits(count_classes(ingested))
    return [ingested.found, *(f"note: {note}" for note in ingested.notes), summary, *(f"note: {x}" for x in limits)]


def count_classes(ingested: Ingested) -> pd.DataFrame:
    """Return the images of each class (index) in the columns train, validation and test."""
    labelled = ingested.index.loc[ingested.index["split"] != "unlabelled", ["label", "split"]]
    return pd.crosstab(labelled["label"], labelled["split"]).reindex(
        index=list(ingested.shape.classes), columns=list(SPLITS[:3]), fill_value=0
    )


def summarize(ingested: Ingested, data: Data) -> dict[str, Any]:
    """Return the content of report.json; mean and std are of train pixels scaled to 0..1."""
    index = ingested.index
    counts = count_classes(ingested)
    sizes = index.groupby(["height", "width"]).size()
    mean, std = moments(ingested, ingested.rows("train"))
    return {
        "source": Path(data.raw).name,
        "found": ingested.found,
        "notes": list(ingested.notes),
        "limits": find_limits(counts),
        "data_hash": ingested.data_hash,
        "images": {split: len(ingested.rows(split)) for split in SPLITS},
        "classes": {label: row.to_dict() for label, row in counts.iterrows()},
        "channels": ingested.shape.channels,
        "height": ingested.shape.height,
        "width": ingested.shape.width,
        "sizes_seen": {"x".join(map(str, size)): int(count) for size, count in zip(sizes.index, sizes, strict=True)},
        "resized": int(((index["height"] != ingested.shape.height) | (index["width"] != ingested.shape.width)).sum()),
        "mean": mean,
        "std": std,
        "duplicates": duplicates(index),
        "rejected": list(ingested.rejected),
        "unlisted": ingested.unlisted,
    }


def moments(ingested: Ingested, rows: NDArray[np.intp]) -> tuple[float, float]:
    """Return mean and standard deviation of pixels / 255 of rows of the index, exact sums, little memory."""
    histogram = np.zeros(256)
    for start in range(0, len(rows), 1000):
        histogram += np.bincount(ingested.images(rows[start : start + 1000]).ravel(), minlength=256)
    levels, total = np.arange(256) / 255, histogram.sum()
    mean = float(histogram @ levels / total)
    return mean, float(np.sqrt(histogram @ (levels - mean) ** 2 / total))


def duplicates(index: pd.DataFrame) -> dict[str, Any]:
    """Describe images with equal pixels; nothing is dropped.

    `extra_images`: labelled images less distinct ones. `across_splits`: groups of equal labelled images that are in
    several splits (only `as_listed` can). `unlabelled_also_labelled`: unlabelled images that a labelled one equals.
    `conflicting_labels`: every group of equal images with different labels, as `filename: label`.
    """
    labelled = index.loc[index["split"] != "unlabelled", ["filename", "label", "split", "hash"]]
    repeated = labelled[labelled["hash"].duplicated(keep=False)].groupby("hash", sort=False)
    groups = [group for _, group in repeated]
    conflicts = [group for group in groups if group["label"].nunique() > 1]
    return {
        "extra_images": int(labelled["hash"].duplicated().sum()),
        "groups": [list(group["filename"]) for group in groups[:MAX_LISTED]],
        "conflicting_labels": [dict(zip(group["filename"], group["label"], strict=True)) for group in conflicts],
        "across_splits": sum(group["split"].nunique() > 1 for group in groups),
        "unlabelled_also_labelled": int(index["hash"][index["split"] == "unlabelled"].isin(labelled["hash"]).sum()),
    }


def markdown(report: Mapping[str, Any]) -> str:
    """Return the report as a readable page."""
    found = report["duplicates"]
    table = pd.DataFrame.from_dict(report["classes"], orient="index")
    # The sums are bold, since a class may be called `all`.
    counted = [*table.iterrows(), ("**all**", table.sum())]
    rows = [
        f"| {escape_markdown(str(label))} | {' | '.join(f'{count:,}' for count in row)} |" for label, row in counted
    ]
    sizes = ", ".join(f"{count:,} of {size}" for size, count in report["sizes_seen"].items())
    lines = [
        f"# Data: {escape_markdown(report['source'])}\n",
        *(f"**{escape_markdown(line)}**\n" for line in report["limits"]),
        f"{escape_markdown(report['found'].capitalize())}.\n",
        "| class | train | validation | test |",
        "|---|---:|---:|---:|",
        *rows,
        f"\nUnlabelled images: {report['images']['unlabelled']:,}. Data hash: `{report['data_hash'][:16]}`.\n",
        f"- Sizes seen (height x width): {sizes}; {report['resized']:,} resized to "
        f"{report['height']}x{report['width']}, {report['channels']} channel(s).",
        f"- Train pixels (0 to 1): mean {report['mean']:.4f}, standard deviation {report['std']:.4f}.",
        f"- Duplicates: {found['extra_images']:,} labelled images repeat another; "
        f"{found['across_splits']:,} groups straddle splits; "
        f"{found['unlabelled_also_labelled']:,} unlabelled images equal a labelled one.",
        f"- Equal pixels with different labels: {len(found['conflicting_labels']):,} groups.",
        *(f"- {escape_markdown(note)}." for note in report["notes"]),
        f"- Files that no row names: {report['unlisted']:,}. Rejected rows: {len(report['rejected']):,}.",
    ]
    conflicts = [", ".join(f"{n}: {label}" for n, label in group.items()) for group in found["conflicting_labels"][:20]]
    lines += [f"  - {escape_markdown(conflict)}" for conflict in conflicts]
    if report["rejected"]:
        # Indented, since a file's name could end a fenced block.
        lines += ["\n## Rejected\n", textwrap.indent(join_lines(list(report["rejected"])), "    ")]
    return "\n".join([*lines, "\n![samples](samples.png)\n"])


def draw_samples(ingested: Ingested) -> Image.Image:
    """Return a picture with a labelled row of train images for each class."""
    shape = ingested.shape
    scale = max(1, 56 // max(shape.height, shape.width))
    cell_height, cell_width, gap = shape.height * scale, shape.width * scale, 4
    font = ImageFont.load_default(size=16)
    train = ingested.rows("train")
    labels = ingested.index["label"].to_numpy()[train]
    classes = shape.classes[:MAX_ROWS]
    margin = 2 * gap + int(max(font.getlength(label[:20]) for label in classes))
    row_height = max(cell_height, 20) + gap
    picture = Image.new("RGB", (margin + SAMPLES * (cell_width + gap), gap + len(classes) * row_height), "white")
    draw = ImageDraw.Draw(picture)
    for number, label in enumerate(classes):
        top = gap + number * row_height
        draw.text((gap, top + (row_height - gap) / 2), label[:20], fill="black", font=font, anchor="lm")
        for column, row in enumerate(train[labels == label][:SAMPLES]):
            pixels = ingested.images(np.array([row]))[0].transpose(1, 2, 0)
            tile = Image.fromarray(pixels.squeeze(2) if shape.channels == 1 else np.ascontiguousarray(pixels))
            tile = tile.resize((cell_width, cell_height), Image.Resampling.NEAREST)
            picture.paste(tile, (margin + column * (cell_width + gap), top))
    return picture
