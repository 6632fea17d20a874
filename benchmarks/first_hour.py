"""A newcomer's first hour, from a fresh clone: every step with its seconds, and what it must have printed.

    python -m benchmarks.first_hour                 # creates an environment in the clone, which takes minutes
    python -m benchmarks.first_hour --venv .venv    # uses an environment that has the locked packages
    python -m benchmarks.first_hour --tests         # runs `make test` too
    python -m benchmarks.first_hour --quick         # two seeds, two epochs: whether all steps work, on a busy machine

The clone is that of the last commit. What the steps print goes to `log.txt` beside it, pictures of the pages too.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, sync_playwright

from benchmarks.newcomer import IMAGES, Newcomer, served, write_class_folders, write_table

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = Path("/usr/bin/chromium")


def main() -> None:
    """Go the whole way and print the sum."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--venv", type=Path, help="an environment with the locked packages")
    arguments.add_argument("--tests", action="store_true", help="run `make test` too")
    arguments.add_argument("--quick", action="store_true", help="two seeds and two epochs")
    arguments.add_argument("--folder", type=Path, help="for the clone, the log and pictures; default: a temporary one")
    given = arguments.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="first-hour-"))
    folder.mkdir(parents=True, exist_ok=True)
    newcomer = Newcomer(folder.resolve(), given.venv.resolve() if given.venv else None)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(newcomer.clone)], check=True)
    if given.quick:
        newcomer.edit(f"seeds: {[*range(128, 128 + newcomer.seeds)]}", "seeds: [128, 129]")
        newcomer.edit("  epochs: 10\n", "  epochs: 2\n")
    two_commands(newcomer, given.tests)
    own_images(newcomer)
    own_variants(newcomer)
    pages(newcomer)
    use(newcomer)
    print(f"{sum(seconds for _, seconds in newcomer.steps):8.1f} s  in all; log: {newcomer.folder / 'log.txt'}")


def two_commands(newcomer: Newcomer, tests: bool) -> None:
    """`make repro`, twice, and `make test`."""
    table = r"^\| baseline +\|"
    newcomer.does("make repro", newcomer.make("repro"), r"^\[6/9\] train: ", table, "make ui", absent=r"^> |\d%\|")
    newcomer.does("make repro again", newcomer.make("repro"), r"^\[6/9\] train: up to date", table)
    if tests:
        newcomer.does("make test", newcomer.make("test"), r"passed|100%")


def own_images(newcomer: Newcomer) -> None:
    """The same digits as one folder per class, and as a table with images beside it."""
    write_class_folders(newcomer.clone / "own")
    write_table(newcomer.clone / "own-table")
    newcomer.does(
        "regbench inspect own",
        ["regbench", "inspect", "own"],
        f"^found: one folder per class, 10 classes, {IMAGES} images",
    )
    newcomer.does(
        "regbench inspect own-table",
        ["regbench", "inspect", "own-table"],
        f"^found: a table with images beside it, 10 classes, {IMAGES} images",
    )
    for name in ("own", "own-table"):
        newcomer.edit(*(("raw: data/sample.zip", "raw: own") if name == "own" else ("raw: own", "raw: own-table")))
        # The two layouts list the images in another order, so each is a data set of its own.
        trained = f"{newcomer.variants * newcomer.seeds} to train"
        newcomer.does(f"regbench run on {name}", ["regbench", "run"], r"^\| baseline +\|", trained)


def own_variants(newcomer: Newcomer) -> None:
    """A changed strength, a new variant, and mistakes."""
    newcomer.edit("l2: {recipe: plain, l2: 1e-4}", "l2: {recipe: plain, l2: 1e-3}")
    newcomer.does("a changed strength", ["regbench", "run"], f" {newcomer.seeds} to train", r"^\| l2 +\|")
    newcomer.edit("variants:\n", "variants:\n  mine: {recipe: plain, dropout: 0.1, l2: 1e-5}\n")
    newcomer.does("a new variant", ["regbench", "run"], f" {newcomer.seeds} to train", r"^\| mine +\|")
    newcomer.edit("dropout: 0.1, l2", "droput: 0.1, l2")
    line = r"^params\.yaml: variants\.mine\.droput = 0\.1: unknown key: did you mean 'dropout'\?$"
    newcomer.does("a misspelt key", newcomer.make("repro"), line, code=2, absent="ERROR|Traceback")
    newcomer.edit("droput: 0.1, l2", "dropout: 0.1, l2")


def pages(newcomer: Newcomer) -> None:
    """The report and MLflow in a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with newcomer.timed("the report in a browser"):
            for width in (1280, 390):
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto((newcomer.clone / "reports/comparison.html").as_uri())
                page.locator("#gain svg.marks").wait_for()
                assert page.evaluate("document.documentElement.scrollWidth") == width
                page.screenshot(path=newcomer.folder / f"report-{width}.png", full_page=True)
        with newcomer.timed("make ui in a browser"), served(newcomer) as address:
            show_mlflow(
                browser.new_page(viewport={"width": 1600, "height": 1400}), address, newcomer.variants, newcomer.folder
            )
        browser.close()


def show_mlflow(page: Page, address: str, variants: int, folder: Path) -> None:
    """Open the page of charts and wait for every variant's run."""
    page.goto(address)
    page.get_by_text("test/error_pct", exact=True).first.wait_for(timeout=60_000)
    assert f"{variants} matching runs" in page.inner_text("body")
    page.screenshot(path=folder / "mlflow.png")


def use(newcomer: Newcomer) -> None:
    """A prediction, and a retraining, which promotes the first champion and then finds nothing new."""
    shutil.copytree(newcomer.clone / "own/3", newcomer.clone / "new-images/3")
    predict = ["regbench", "predict", "new-images", "--model", "runs/mine"]
    newcomer.does("a prediction", predict, r"^submission\.csv: \d+ labels by ")
    labels = pd.read_csv(newcomer.clone / "submission.csv")["label"]
    assert (labels == 3).mean() > 0.5
    for command in (["config", "user.name", "Newcomer"], ["config", "user.email", "newcomer@localhost"]):
        subprocess.run(["git", *command], cwd=newcomer.clone, check=True)
    subprocess.run(["git", "commit", "--quiet", "--all", "--message", "My variants"], cwd=newcomer.clone, check=True)
    newcomer.does("a retraining", ["regbench", "retrain"], "promoted")
    newcomer.does("a retraining again", ["regbench", "retrain"], "nothing new", code=11)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(str(error))
