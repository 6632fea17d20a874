"""Keep the results of the last run under a name, and show them in the README: `python docs/update.py NAME`.

Copies the tables of `reports/` to `docs/results/NAME.*`, and puts the Markdown table between the README's markers for
NAME. For `default` the picture is copied too.
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
    "ensembles.csv": ".ensembles.csv",
    "timings.csv": ".timings.csv",
}


def embed(readme: str, name: str, table: str) -> str:
    """Return the README's text with `table` between the markers of `name`; ValueError if there are none."""
    block = re.compile(rf"(<!-- results:{re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not block.search(readme):
        raise ValueError(f"README.md: no block <!-- results:{name} --> ... <!-- end -->: add it")
    return block.sub(lambda match: f"{match[1]}\n{table.strip()}\n\n{match[2]}", readme)


def main(name: str) -> None:
    """Copy the results, then write the README."""
    for source, suffix in KEPT.items():
        shutil.copy2(ROOT / "reports" / source, ROOT / "docs/results" / f"{name}{suffix}")
    if name == "default":
        shutil.copy2(ROOT / "reports/comparison.png", ROOT / "docs/comparison.png")
    readme = ROOT / "README.md"
    readme.write_text(embed(readme.read_text(), name, (ROOT / "docs/results" / f"{name}.md").read_text()))


if __name__ == "__main__":
    main(sys.argv[1])
