"""The report and DVC's plot page in a real browser without a network: charts are drawn, the selectors select."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from support.outputs import ROOT, small_params, write_outputs

from regbench.files import read_json
from regbench.report.comparison import compare
from regbench.report.drawing import REST
from regbench.report.page import write_reports
from tests.browser.screenshots import save

CHROMIUM = Path("/usr/bin/chromium")
PLOTS = """
plots:
  - test_error: {x: test_error_percent, y: {reports/comparison.csv: variant}, template: error}
  - validation_loss: {x: epoch, y: {reports/curves.csv: validation_loss}, template: curves, title: Validation loss}
  - gap: {x: epoch, y: {reports/curves.csv: gap}, template: curves, title: Gap}
"""
VARIANTS = ("baseline", "l2", "early_stopping")
OUTSIDE = """texts => texts.filter(text => {
    const own = text.getBoundingClientRect(), chart = text.closest("svg").getBoundingClientRect();
    return own.width && (own.left < chart.left - 1 || own.right > chart.right + 1);
}).map(text => text.textContent)"""
"""Returns what of the texts is cut off at a side of its chart."""
CHARTS = 11
"""Error, gain, four curves, mistakes, calibration, robustness, size and its error."""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser: {CHROMIUM} is missing (apt: chromium)")


@dataclass
class Visit:
    """A page with all that it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, file: Path) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())

    def charts(self, count: int) -> Locator:
        """Wait for `count` drawn charts."""
        drawn = self.page.locator("svg.marks, canvas.marks")
        drawn.nth(count - 1).wait_for()
        assert drawn.count() == count
        return drawn


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    yield Visit(context.new_page())
    context.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser")
    params = small_params(VARIANTS)
    write_outputs(root, params)
    folders = (root / "evaluation", root / "runs", root / "timings", root / "reports")
    write_reports(params, compare(params, root / "evaluation"), read_json(root / "data/report/report.json"), *folders)
    return root


@pytest.fixture
def report(visit: Visit, root: Path) -> Visit:
    visit.open(root / "reports/comparison.html")
    visit.charts(CHARTS)
    return visit


def test_report_asks_for_nothing_and_complains_about_nothing(report: Visit, root: Path) -> None:
    assert report.requests == [(root / "reports/comparison.html").as_uri()]
    assert report.complaints == []
    save(report.page, "report")


def test_errors_show_every_variant_in_order(report: Visit, root: Path) -> None:
    order = compare(small_params(VARIANTS), root / "evaluation").order
    labels = report.page.locator("#error .role-axis-label text").all_text_contents()
    assert [label for label in labels if label in VARIANTS] == order


def coloured(visit: Visit) -> int:
    """Return how many lines are in the colour of their variant."""
    lines = visit.page.locator("[id^=curve-] .mark-line path")
    return lines.evaluate_all(
        "(lines, rest) => lines.filter(line => line.getAttribute('stroke') !== rest).length", REST
    )


def test_curves_have_a_line_a_variant_in_each_panel(report: Visit) -> None:
    assert report.page.locator("[id^=curve-] .mark-line path").count() == 4 * len(VARIANTS) == coloured(report)


def test_epochs_are_whole_numbers_on_the_axis(report: Visit) -> None:
    labels = report.page.locator("[id^=curve-] .role-axis-label").all_text_contents()
    assert labels.count("0123") == 4


def test_a_click_on_a_name_greys_its_curves_and_the_buttons_pick_groups(report: Visit) -> None:
    def click(selector: str) -> int:
        report.page.locator(selector).click()
        report.page.wait_for_timeout(300)
        return coloured(report)

    assert click('.picks button[data-variant="l2"]') == 4 * (len(VARIANTS) - 1)
    assert click('button[data-pick="none"]') == 0
    assert click('.picks button[data-variant="l2"]') == 4
    assert click('button[data-pick="all"]') == 4 * len(VARIANTS)
    assert report.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_shows_the_page_without_scrolling_sideways(
    browser: Browser, root: Path, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    visit = Visit(context.new_page())
    visit.open(root / "reports/comparison.html")
    visit.charts(CHARTS)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    ground = visit.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 22, 22)")
    paper = visit.page.locator("#error svg.marks").get_attribute("style")
    assert paper is not None and f"background-color: {ground}" in paper
    # No chart is cut off at its right side.
    hidden = "places => places.filter(place => place.scrollWidth > place.clientWidth + 1).map(place => place.id)"
    assert visit.page.locator(".chart").evaluate_all(hidden) == []
    assert visit.page.locator(".chart svg text").evaluate_all(OUTSIDE) == []
    assert visit.complaints == []
    save(visit.page, f"report-390-{scheme}")
    context.close()


def counts(visit: Visit) -> list[str]:
    return sorted(visit.page.locator("#confusion .mark-text.role-mark text").all_text_contents())


def test_the_selector_shows_mistakes_of_the_chosen_variant(report: Visit, root: Path) -> None:
    sections = report.page.locator("section[data-variant]")
    best = compare(small_params(VARIANTS), root / "evaluation").best
    assert sections.count() == len(VARIANTS)
    for chosen in (best, *VARIANTS):
        report.page.select_option("#variant", chosen)
        report.page.wait_for_timeout(200)
        visible = [s.get_attribute("data-variant") for s in sections.all() if s.is_visible()]
        assert visible == [chosen]
        table = (root / "evaluation" / chosen / "confusion.csv").read_text().splitlines()[1:]
        cells = [line.rsplit(",", 1)[1] for line in table]
        assert counts(report) == sorted(cell for cell in cells if cell != "0")
    assert report.complaints == []


def test_charts_describe_themselves(report: Visit) -> None:
    charts = report.page.locator("#error [aria-label], #gain [aria-label], #confusion [aria-label]")
    assert charts.count() >= 3
    assert report.page.locator('[aria-label*="of each variant, best first"]').count() >= 1


def dvc(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # DVC takes a plot or metric that is called `error` for one that failed to load.
    assert "failed to load" not in done.stderr
    return done.stdout


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    shutil.copytree(root / "reports", tmp_path / "reports")
    dvc("init", "--no-scm", "-q", cwd=tmp_path)
    dvc("config", "core.analytics", "false", cwd=tmp_path)
    dvc("config", "plots.html_template", "../reports/plots.html", cwd=tmp_path)
    shutil.copytree(ROOT / ".dvc/plots", tmp_path / ".dvc/plots")
    (tmp_path / "dvc.yaml").write_text(PLOTS)
    return tmp_path


def test_dvc_plots_overlay_all_variants_without_a_network(visit: Visit, project: Path) -> None:
    dvc("plots", "show", cwd=project)
    page = project / "dvc_plots/index.html"
    visit.open(page)
    visit.charts(3)
    assert visit.requests == [page.as_uri()]
    assert visit.complaints == []
    text = visit.page.locator("body").inner_text()
    assert "Validation loss" in text and "Gap" in text
    # Four epochs, in both charts of curves.
    assert visit.page.locator(".role-axis-label").all_text_contents().count("0123") == 2
    # Two charts have a legend entry a variant, the third one has them on its axis.
    for variant in VARIANTS:
        assert text.split("\n").count(variant) == 3
