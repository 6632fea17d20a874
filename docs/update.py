"""Keep the results of the last run under a name, and show them in the pages: `python docs/update.py NAME`.

Copies the tables of `reports/` to `docs/results/NAME.*`, and puts the Markdown table between the markers for NAME, in
the README or the page of docs that has them. For `default` the picture is copied too. For a protocol (`article`,
`ablation`, `cnn`, `label-noise`, `learning-curve`, `strong-baseline`) all comes from its own folder.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = {
    "comparison.csv": ".csv",
    "comparison.md": ".md",
    "further.md": ".further.md",
    "robustness.csv": ".robustness.csv",
    "compression.csv": ".compression.csv",
    "ensembles.csv": ".ensembles.csv",
    "timings.csv": ".timings.csv",
}

PROTOCOLS = {
    "article": "article/article",
    "ablation": "ablation/cocktail/ablation",
    "cnn": "cnn/strong-baseline",
    "label-noise": "label-noise/label-noise",
    "learning-curve": "learning-curve/learning-curve",
    "strong-baseline": "strong-baseline/strong-baseline",
}
"""Name -> its results, without the endings."""


def embed(page: str, name: str, table: str) -> str:
    """Return the text of a page with `table` between the markers of `name`."""
    block = re.compile(rf"(<!-- results:{re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    return block.sub(lambda match: f"{match[1]}\n{table.strip()}\n\n{match[2]}", page)


def main(name: str) -> None:
    """Copy the results, then write the pages that show them."""
    if name in PROTOCOLS:
        results = ROOT / PROTOCOLS[name]
        for source in sorted(results.parent.glob(f"{results.name}.*")):
            shutil.copy2(source, ROOT / f"docs/results/{name}{source.suffix}")
    else:
        copy_comparison(name)
    table = (ROOT / "docs/results" / f"{name}.md").read_text()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        page.write_text(embed(page.read_text(), name, table))


def copy_comparison(name: str) -> None:
    """Copy the tables of the pipeline's comparison."""
    for source, suffix in KEPT.items():
        shutil.copy2(ROOT / "reports" / source, ROOT / "docs/results" / f"{name}{suffix}")
    if name == "default":
        shutil.copy2(ROOT / "reports/comparison.png", ROOT / "docs/comparison.png")


if __name__ == "__main__":
    main(sys.argv[1])
