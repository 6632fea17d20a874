"""Writes a protocol as one page that opens offline: text, charts with tooltips, and a table."""

from collections.abc import Mapping, Sequence

from altair.typing import ChartType

from regbench.report.drawing import DARK, to_spec
from regbench.report.rendering import library, template


def study_page(
    title: str,
    sentences: Sequence[str],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    charts: Mapping[str, ChartType],
) -> str:
    """Return a page with sentences, charts and a table; the keys of `charts` are the file names to save them under."""
    page = template("study.html.j2").render(
        title=title,
        sentences=sentences,
        header=header,
        rows=rows,
        specs={name: to_spec(chart) for name, chart in charts.items()},
        dark=DARK,
        library=library(),
    )
    return str(page)
