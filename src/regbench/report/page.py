"""Writes the comparison as pages and a picture: self-contained files that work offline."""

import base64
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from altair.typing import ChartType
from altair.utils.schemapi import debug_mode
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from regbench.config.colours import colours
from regbench.config.experiment import EvaluatedExperiment
from regbench.files import atomic, read_array, write_csv, write_json
from regbench.report import charts, drawing
from regbench.report.comparison import Comparison
from regbench.report.comparison_json import to_json
from regbench.report.confusion_chart import MATRIX, confusion_chart
from regbench.report.curve_charts import first_picked, page_curves
from regbench.report.findings import finding, groups
from regbench.report.rendering import library, template
from regbench.report.sections import Further, sections_markdown
from regbench.report.summary import (
    conclusions,
    facts,
    markdown,
    notes,
    table_rows,
    timing_rows,
    warnings,
)
from regbench.report.tables import labelled, mean_curves, read_histories, read_timings, required
from regbench.report.variant_picture import variant_pictures

THUMBNAIL = 48
"""Longest side of an embedded image, pixels; keeps the page small where images are large."""


def write_reports(
    params: EvaluatedExperiment,
    comparison: Comparison,
    data: dict[str, Any],
    evaluation: Path,
    runs: Path,
    timings: Path,
    out: Path,
) -> None:
    """Write all tables, the picture and the pages of the comparison into `out`.

    `data` is the content of data/report/report.json; `evaluation`, `runs` and `timings` are the folders of `evaluate`
    and `train`.
    """
    histories, seconds = read_histories(params, runs), read_timings(params, timings)
    curves = mean_curves(histories)
    further = Further.read(params, comparison, evaluation)
    write_csv(out / "comparison.csv", comparison.table)
    write_json(out / "comparison.json", to_json(comparison))
    write_csv(out / "curves.csv", curves)
    write_csv(out / "timings.csv", seconds)
    further.write(out)
    pages: dict[str, Callable[[], str]] = {
        "comparison.md": lambda: markdown(comparison, data),
        "further.md": lambda: sections_markdown(further.sections()),
        "comparison.html": lambda: html(comparison, data, curves, seconds, evaluation, further),
        "plots.html": dvc_page,
    }
    bar = tqdm(total=len(pages) + 1 + len(params.names), desc="compare", unit="page", leave=False, disable=None)
    # Altair's validation of every object takes a fifth of the time; a test validates all charts of a page.
    with bar, debug_mode(False), ThreadPoolExecutor(1) as renderer:
        # Native code renders a picture in a thread, while this thread builds the next chart.
        overview = drawing.to_spec(charts.picture(comparison, curves))
        rendered = {"comparison.png": renderer.submit(drawing.render_png, overview, 2)}
        for variant, picture in variant_pictures(params, histories, evaluation):
            rendered[f"variants/{variant}.png"] = renderer.submit(drawing.render_png, picture, 1)
        for name, page in pages.items():
            _write(out / name, page().encode())
            bar.update()
        for name, image in rendered.items():
            _write(out / name, image.result())
            bar.update()


def html(
    comparison: Comparison,
    data: dict[str, Any],
    curves: pd.DataFrame,
    timings: pd.DataFrame,
    evaluation: Path,
    further: Further,
) -> str:
    """Return the report as one HTML page that contains the chart library and all images.

    `data` is the content of data/report/report.json, `curves` and `timings` are the tables of `regbench.comparison`;
    confusion matrices and misclassified images are read from `evaluation`. Equal inputs give equal bytes.
    """
    confusion = {name: required(evaluation / name / "confusion.csv", labelled) for name in comparison.order}
    curve_charts = page_curves(comparison, curves)
    drawn: dict[str, ChartType] = {
        "error": charts.error_chart(comparison, comparison.order),
        "gain": charts.gain_chart(comparison, comparison.order),
        **curve_charts,
        "confusion": confusion_chart(comparison, confusion),
    }
    sections = further.charts
    places = {name: [f"{name}-{number}" for number, _ in enumerate(found)] for name, found in sections.items()}
    for name, found in sections.items():
        drawn |= zip(places[name], found, strict=True)
    return template("comparison.html.j2").render(
        title=f"Which regularizer generalizes? {len(comparison.variants)} variants compared",
        facts=facts(comparison, data),
        finding=finding(comparison),
        conclusions=conclusions(comparison),
        groups=groups(comparison),
        warnings=warnings(comparison, data),
        notes=notes(comparison),
        best_variant=comparison.best,
        baseline=comparison.baseline,
        comparison_table=table_rows(comparison),
        timing_table=timing_rows(comparison, timings),
        sections=list(further.sections()),
        looks=[{"variant": name, "mistakes": _mistakes(evaluation / name)} for name in comparison.order],
        seeds=len(comparison.seeds),
        curves=list(curve_charts),
        picks=_picks(comparison),
        matrix=len(comparison.classes) <= MATRIX,
        section_charts=places,
        specs={name: drawing.to_spec(chart) for name, chart in drawn.items()},
        dark=drawing.DARK,
        library=library(),
    )


def dvc_page() -> str:
    """Return the HTML template for `dvc plots show`, with the chart library in it.

    DVC's default template loads the library from the network, and shows nothing offline.
    """
    return template("plots.html.j2").render(library=library(), dark=drawing.DARK)


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """Return an image (C, H, W) with one or three channels as a PNG with no side longer than THUMBNAIL."""
    image = Image.fromarray(np.ascontiguousarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)))
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _picks(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the buttons that pick variants: name, colour on a light and on a dark page, and whether it is picked."""
    picked, hues = first_picked(comparison), colours(comparison.variants)
    return [
        {"variant": name, "light": hue, "dark": drawing.DARK.get(hue, hue), "picked": name in picked}
        for name, hue in hues.items()
    ]


def _write(path: Path, content: bytes) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def _mistakes(folder: Path) -> list[dict[str, Any]]:
    images = required(folder / "misclassified.npy", read_array)
    table = required(folder / "misclassified.csv", labelled)
    encoded = [base64.b64encode(thumbnail(image)).decode() for image in images]
    return [{str(key): value for key, value in row.items()} for row in table.assign(png=encoded).to_dict("records")]
