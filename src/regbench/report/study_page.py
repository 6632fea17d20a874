"""A study as one page that needs no network: its text, and charts that answer to the pointer."""

from collections.abc import Mapping

from altair.typing import ChartType

from regbench.report.drawing import to_spec
from regbench.report.page import library, template


def study_page(title: str, text: str, charts: Mapping[str, ChartType]) -> str:
    """Return a page with the charts, by the names that they are saved under, and below them a study's Markdown."""
    specs = {name: to_spec(chart) for name, chart in charts.items()}
    lines = text.splitlines()
    sentences = [line.removeprefix("- ") for line in lines if line and not line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    page = template("study.html.j2").render(
        title=title, sentences=sentences, header=cells[0], rows=cells[2:], specs=specs, library=library()
    )
    return str(page)
