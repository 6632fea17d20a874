"""Take the pictures of MLflow's pages in docs/images: `python docs/screenshots.py`, in a project whose pipeline ran.

Starts `regbench ui`, opens its pages in chromium, and writes `mlflow-charts.png` and `mlflow-runs.png`.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).with_name("images")
CHROMIUM = "/usr/bin/chromium"
PAGES = {"mlflow-charts": ".parcoords", "mlflow-runs": "text=/matching runs/"}
"""Picture -> what is drawn last on its page; in the order in which `regbench ui` prints the addresses."""
ASSISTANT = '[data-component-id="mlflow.assistant.chat_panel.close"]'
"""Button that closes a panel which MLflow opens beside the first page."""
DRAWN = 120_000
"""Milliseconds until a page is drawn, at most."""
SETTLED = 3_000
"""Milliseconds that the charts then take to move to their places."""


def main(port: int = 5055) -> None:
    """Take all pictures."""
    command = [sys.executable, "-m", "regbench", "ui", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            take_pictures(read_addresses(server))
        finally:
            server.send_signal(signal.SIGINT)


def read_addresses(server: "subprocess.Popen[str]") -> list[str]:
    """Return the addresses that the server prints first, one a page."""
    assert server.stdout is not None
    lines = [server.stdout.readline() for _ in PAGES]
    return [address for line in lines for address in re.findall(r"http://\S+", line)]


def take_pictures(addresses: list[str]) -> None:
    """Open each page and keep what the browser shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        for (name, drawn), address in zip(PAGES.items(), addresses, strict=True):
            page.goto(address)
            page.locator(drawn).first.wait_for(timeout=DRAWN)
            if (assistant := page.locator(ASSISTANT)).count():
                assistant.click()
            page.wait_for_timeout(SETTLED)
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
