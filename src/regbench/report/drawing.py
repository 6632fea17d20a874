"""How charts look and where they go: palette, Vega-Lite for a browser, PNG for a document."""

import io
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
from altair.typing import ChartType
from PIL import Image

HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255")
"""Okabe and Ito (2008) without yellow, which is faint on white, and with Tol's wine: safe for the colour-blind."""
DASHES = ((1, 0), (6, 3), (2, 2))
"""A second sign beside the hue: with it 21 variants differ."""
BASELINE_HUE = "#000000"
GREY = "#767676"
TELLING = "#0072B2"
FAINT = ("#fff3e6", "#f39a4d")
"""Light enough for dark figures on top."""
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

Spec = dict[str, Any]


def signs(variants: Sequence[str], baseline: str) -> tuple[list[str], list[list[int]]]:
    """Return hue and dash of each variant; they follow the order of `params.yaml`, not the rank."""
    others = [name for name in variants if name != baseline]
    place = {name: index for index, name in enumerate(others)}
    hues = [HUES[place[name] % len(HUES)] if name in place else BASELINE_HUE for name in variants]
    dashes = [DASHES[place.get(name, 0) // len(HUES) % len(DASHES)] for name in variants]
    return hues, [list(dash) for dash in dashes]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, numbers with six digits: what no eye can see would only make the page larger."""
    return [
        {str(name): float(f"{value:.6g}") if isinstance(value, float) else value for name, value in row.items()}
        for row in table.to_dict(orient="records")
    ]


def inline(table: pd.DataFrame) -> alt.InlineData:
    """Return a table as the data of a chart."""
    # Altair copies lists deeply each time that a chart becomes part of another one; a tuple is left alone.
    return alt.InlineData(values=tuple(records(table)))


def to_spec(chart: ChartType) -> Spec:
    """Return the Vega-Lite of a chart, dark text on white; equal charts give equal dicts.

    Not checked against Vega-Lite's schema, which takes a tenth of the report's time: a test checks every chart.
    """
    specification: Spec = _styled(chart).to_dict(validate=False)
    return specification


def to_png(chart: ChartType, scale: float = 2) -> bytes:
    """Return the chart as a PNG, enlarged by `scale`, in a font that the renderer brings along."""
    return render_png(to_spec(chart), scale)


def render_png(specification: Spec, scale: float) -> bytes:
    """Return the PNG of a chart that `to_spec` described."""
    import vl_convert

    drawn = vl_convert.vegalite_to_png(specification, scale=scale)
    buffer = io.BytesIO()
    # Without the alpha channel, and packed well, the same picture takes a third of the bytes.
    Image.open(io.BytesIO(drawn)).convert("RGB").save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _styled(chart: Any) -> Any:
    return (
        chart.configure(font=FONT, background="#ffffff")
        .configure_axis(
            labelColor="#222", titleColor="#222", labelFontSize=12, titleFontSize=12, titleFontWeight="normal"
        )
        .configure_axisY(labelLimit=200)
        .configure_legend(labelColor="#222", labelFontSize=12)
        .configure_title(color="#111", fontSize=14, anchor="start", frame="group")
        .configure_view(stroke="#cccccc")
    )
