"""Pictures of the pages as the tests saw them, to look at: tests/browser/screenshots, which git ignores."""

from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).with_name("screenshots")


def save(page: Page, name: str) -> None:
    """Keep what the browser shows."""
    page.screenshot(path=FOLDER / f"{name}.png")
    assert (FOLDER / f"{name}.png").stat().st_size > 10_000, "the page is empty"
