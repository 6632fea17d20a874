"""The server of `regbench ui` and pages, in a real browser."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, sync_playwright
from support.offers import offer
from support.project import REGBENCH, ROOT, environment
from support.serving import free_port
from support.tracking_project import FOLDERS, write_project

from regbench.config.checking import load_params
from regbench.layout import Results
from regbench.tracking.pages import CHARTS
from regbench.tracking.registry import CHALLENGER, CHAMPION, Registry
from regbench.tracking.store import find_store
from regbench.tracking.sync import bring_up_to_date
from tests.browser.screenshots import save

pytestmark = pytest.mark.slow

CHROMIUM = Path("/usr/bin/chromium")
SWITCHES = ["--no-sandbox", "--disable-gpu"]
# The browser itself must ask nobody, so that a foreign request is the page's.
SWITCHES += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
VARIANTS = tuple(f"variant_{letter}" for letter in "abcdefghijklmnopqr")
"""As many as are shipped, more than the ten that MLflow draws by itself; the last is the best."""
DRAWN = 15_000
"""Milliseconds until MLflow's page has drawn; it polls, and so never comes to rest."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_project(folder, VARIANTS, seeds=(1,))
    results = Results(*(folder / name for name in FOLDERS))
    bring_up_to_date(load_params(folder / "params.yaml"), results, find_store(folder, {}), "")
    return folder


def start(project: Path, port: int) -> "subprocess.Popen[str]":
    command = [*REGBENCH, "ui", "--port", str(port)]
    return subprocess.Popen(command, cwd=project, env=environment(ROOT), text=True, stdout=-1, stderr=-1)


@pytest.fixture(scope="module")
def addresses(project: Path) -> Iterator[list[str]]:
    """Addresses that `regbench ui` prints once its server answers; on leaving, Ctrl-C must stop all of it."""
    port = free_port()
    process = start(project, port)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    yield [found for line in lines for found in re.findall(r"http://\S+", line)]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    deadline = time.monotonic() + 5
    while _answers(port):
        assert time.monotonic() < deadline, "the server outlived Ctrl-C"
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES)
        yield browser.new_page(viewport={"width": 1600, "height": 1400})
        browser.close()


def test_charts_page_shows_variants_side_by_side(addresses: list[str], page: Page) -> None:
    foreign: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            foreign.append(request.url)

    page.on("request", note)
    page.goto(addresses[0])
    page.get_by_text("test/error_pct", exact=True).first.wait_for(timeout=DRAWN)
    text = page.inner_text("body")
    assert f"{len(VARIANTS)} matching runs" in text
    # The section that matters most comes first.
    sections = re.findall(r"^(\w+)\n\((\d+)\)\nAdd chart$", text, re.MULTILINE)
    assert [name for name, _ in sections] == ["comparison", "test", "train", "validation", "weights", "work"]
    assert all(int(charts) > 0 for _, charts in sections)
    # Its charts are drawn: bars, curves, one variant a point, and strengths beside each other.
    assert sections[0] == ("comparison", str(len(CHARTS)))
    page.locator(".parcoords").first.wait_for(timeout=DRAWN)
    for kind in (".bars", ".scatterlayer"):
        assert page.locator(f".js-plotly-plot {kind}").count() > 0
    # Best first.
    names = page.get_by_role("link", name=re.compile("^variant_.$")).all_inner_texts()
    assert names == list(reversed(VARIANTS))
    # All are drawn, none only listed.
    assert text.count("Hide run") == len(VARIANTS)
    assert foreign == []
    save(page, "mlflow-charts")


def test_runs_page_shows_error_interval_and_n_best_first(addresses: list[str], page: Page) -> None:
    # Columns that do not fit are not in the page.
    page.set_viewport_size({"width": 2200, "height": 1200})
    page.goto(addresses[1])
    page.get_by_text(f"{len(VARIANTS)} matching runs").wait_for(timeout=DRAWN)
    # The description, a table too, is drawn before the runs.
    for name in ("test/error_pct", "test/error_pct_low", "test/error_pct_high", "n"):
        page.get_by_role("columnheader").get_by_text(name, exact=True).first.wait_for(timeout=DRAWN)
    links = page.get_by_role("link", name=re.compile("^variant_.$"))
    links.nth(len(VARIANTS) - 1).wait_for(timeout=DRAWN)
    names = links.all_inner_texts()
    assert names == list(reversed(VARIANTS))
    save(page, "mlflow-runs")
    # What the experiment is about stands above, with links that lead to the other pages.
    link = page.get_by_role("link", name="side by side").first.get_attribute("href")
    assert link is not None and link.startswith("#/compare-runs?")
    page.goto(addresses[1].partition("#")[0] + link)
    page.get_by_text(f"Comparing {len(VARIANTS)} Runs from 1 Experiment").wait_for(timeout=DRAWN)


def test_table_page_shows_parameters_and_metrics_in_columns(addresses: list[str], page: Page) -> None:
    page.goto(addresses[2])
    page.get_by_text(f"Comparing {len(VARIANTS)} Runs from 1 Experiment").wait_for(timeout=DRAWN)
    text = page.inner_text("body")
    for expected in (*VARIANTS, "test/error_pct", "train.epochs"):
        assert expected in text
    # The parallel coordinates end in the error.
    page.locator(".js-plotly-plot").get_by_text("test/error_pct").first.wait_for(timeout=DRAWN)
    save(page, "mlflow-side-by-side")


def test_registered_model_shows_champion_challenger_and_what_they_are(
    project: Path, addresses: list[str], page: Page, tmp_path: Path
) -> None:
    registry = Registry(find_store(project, {}), "digits")
    first = registry.register(offer(project, VARIANTS[0]))
    registry.promote(first, over=None)
    other = offer(project, VARIANTS[1])
    # The sample's networks are all the same; another file makes it another one.
    (tmp_path / "model.json").write_text(other.files["model.json"].read_text() + "\n")
    second = registry.register(replace(other, files={**other.files, "model.json": tmp_path / "model.json"}))
    assert (first.number, second.number) == ("1", "2")
    page.goto(f"{addresses[0].partition('#')[0]}#/models/digits")
    page.get_by_text("Version 2").first.wait_for(timeout=DRAWN)
    aliased = {
        alias: page.get_by_role("row").filter(has_text=re.compile(f"@\\s*{alias}")) for alias in (CHAMPION, CHALLENGER)
    }
    assert "Version 1" in aliased[CHAMPION].inner_text() and "Version 2" in aliased[CHALLENGER].inner_text()
    assert "names the model in use." in page.inner_text("body")
    save(page, "mlflow-registered-model")
    page.goto(f"{addresses[0].partition('#')[0]}#/models/digits/versions/2")
    page.get_by_text(VARIANTS[1]).first.wait_for(timeout=DRAWN)
    save(page, "mlflow-version")


def test_taken_port_is_named(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, complaint = (process := start(project, port)).communicate(timeout=60)
    assert process.returncode == 2
    assert f"port {port} on 127.0.0.1: cannot be used" in complaint
    assert "regbench ui --port " in complaint


def test_nothing_logged_is_told(tmp_path: Path) -> None:
    _, complaint = (process := start(tmp_path, free_port())).communicate(timeout=60)
    assert process.returncode == 4
    assert complaint.strip().endswith("holds no results of this project: run `regbench sync` first")
