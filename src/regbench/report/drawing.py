"""Style and output of charts: colours, axes, Vega-Lite for a browser, PNG for a document.

Charts name the class of each channel, as in `alt.X("error:Q")`: for a string alone Altair needs 10 ms to find it.
"""

import io
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
from altair.typing import ChartType
from PIL import Image

INK = "#1a1a1a"
PAPER = "#ffffff"
GREY = "#767676"
"""Colour of differences that are not significant, and of reference lines."""
REST = "#d2d2d2"
"""Colour of curves of variants that are not picked."""
GRID = "#e4e4e4"
FRAME = "#c8c8c8"
TELLING = "#0072B2"
"""Colour of significant differences."""
LOSING = "#D55E00"
EQUAL = "#009E73"
FAINT = ("#fff3e6", "#f39a4d")
"""Range of colours that is light enough for dark numbers on top."""
RIGHT = "#e4eef5"
"""Colour of cells of images that were classified correctly."""

DARK = {
    **{INK: "#e8e8e8", PAPER: "#161616", GREY: "#9a9a9a", REST: "#4a4a4a", GRID: "#303030", FRAME: "#505050"},
    **{FAINT[0]: "#33281d", FAINT[1]: "#9a5413", RIGHT: "#1d2f3b"},
    **{"#000000": "#ffffff", "#0072B2": "#4aa3ea", "#D55E00": "#ff8a3d", "#009E73": "#22c795", "#882255": "#d96aa0"},
    **{"#332288": "#9c90f2", "#661100": "#d9806a", "#AA4499": "#d67bc8", "#7F6000": "#bfa040", "#117733": "#46b86b"},
    **{"#EE3377": "#ff6b9d", "#6677DD": "#8e9bf0", "#005566": "#3fa9bf", "#56B4E9": "#a5dcff"},
}
"""Colour on a light page -> colour on a dark page; colours that are not listed are used on both."""

Spec = dict[str, Any]
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

_TEXT = {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
STYLE: Spec = {
    "font": FONT,
    "background": PAPER,
    # Labels at the ends of an axis stay centred below their ticks, so that they do not overlap their neighbours.
    "axis": {**_TEXT, "gridColor": GRID, "domainColor": FRAME, "tickColor": FRAME, "labelFlush": False},
    "axisY": {"labelLimit": 200},
    "header": _TEXT,
    "legend": _TEXT,
    "title": {"color": INK, "fontSize": 14, "anchor": "start", "frame": "group"},
    "view": {"stroke": FRAME},
}
"""Vega-Lite's `config`, of all charts."""

MANY = 40
"""Number of rows above which a chart is taller than a screen."""
PAGE = 1080
"""Width of a wide page, pixels."""


def few_ticks(width: int | None, apart: int = 50, most: int = 12) -> int | alt.ExprRef:
    """Return a number of ticks that leaves `apart` pixels between them; with `width` None, for any width in a page."""
    if width is not None:
        return max(1, min(most, width // apart))
    return alt.ExprRef(f"max(1, min({most}, floor(width / {apart})))")


def wide(chart: ChartType, width: int | None) -> ChartType:
    """Return a chart that is `width` pixels wide; None: as wide as its container in a page."""
    size: dict[str, Any] = {"width": "container", "autosize": alt.AutoSizeParams(type="fit-x", contains="padding")}
    sized: ChartType = chart.properties(**(size if width is None else {"width": width}))
    return sized


def row_height(rows: int) -> int:
    """Return the height of a chart with `rows` rows; a row is less high where there are many."""
    return rows * (24 if rows <= MANY else 16)


def row_axis(rows: int, width: int | None) -> alt.Axis:
    """Return the horizontal axis of a chart with `rows` rows; at the top if they are many, so that it is visible."""
    return alt.Axis(tickCount=few_ticks(width), orient="bottom" if rows <= MANY else "top")


def panels(panel: Any, order: Sequence[str], title: str, width: int, field: str = "variant") -> ChartType:
    """Return a panel for each value of `field`, in rows; each panel has its own axes, even if the last row is short.

    `width` is the width of a panel with its axis, in pixels: a page puts as many panels side by side as fit.
    """
    found: ChartType = (
        panel.facet(facet=alt.Facet(f"{field}:N", sort=list(order), title=None), columns=max(1, PAGE // width))
        .resolve_axis(x="independent", y="independent")
        .properties(title=alt.TitleParams(title, fontSize=12, fontWeight="normal"), usermeta={"panel": width})
    )
    return found


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, numbers with six digits: more digits are invisible and make the page larger."""
    return [
        {str(name): float(f"{value:.6g}") if isinstance(value, float) else value for name, value in row.items()}
        for row in table.to_dict(orient="records")
    ]


def inline(table: pd.DataFrame) -> alt.InlineData:
    """Return a table as the data of a chart."""
    # Altair makes a deep copy of lists each time that a chart becomes part of another one; it does not copy a tuple.
    return alt.InlineData(values=tuple(records(table)))


def to_spec(chart: ChartType) -> Spec:
    """Return the Vega-Lite of a chart, dark text on white; equal charts give equal dicts.

    The chart is not validated against Vega-Lite's schema: this takes a tenth of the report's time, and a test validates
    every chart.
    """
    # At once: each of Altair's `configure_...` would copy the whole chart.
    specification: Spec = chart.properties(config=STYLE).to_dict(validate=False)
    return specification


def to_png(chart: ChartType, scale: float = 2) -> bytes:
    """Return the chart as a PNG, enlarged by `scale`, in a font that is part of the renderer."""
    return render_png(to_spec(chart), scale)


def render_png(specification: Spec, scale: float) -> bytes:
    """Return the PNG of a chart's Vega-Lite from `to_spec`."""
    import vl_convert

    drawn = vl_convert.vegalite_to_png(specification, scale=scale)
    buffer = io.BytesIO()
    # Without the alpha channel, and with strong compression, the same picture takes a third of the bytes.
    Image.open(io.BytesIO(drawn)).convert("RGB").save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
