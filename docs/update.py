"""Keep the results of the last run under a name, and show them in the README: `python docs/update.py NAME`.

Copies the tables of `reports/` to `docs/results/NAME.*`, and puts the Markdown table between the README's markers for
NAME. For `default` the picture is copied too. For a protocol (`article`, `ablation`, `label-noise`, `learning-curve`,
`strong-baseline`) all comes from its own folder, and the README shows its table only where it has the markers.
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
    "article": "article",
    "ablation": "ablation/cocktail",
    "label-noise": "label-noise",
    "learning-curve": "learning-curve",
    "strong-baseline": "strong-baseline",
}
"""Name -> folder of its results."""


def embed(readme: str, name: str, table: str) -> str:
    """Return the README's text with `table` between the markers of `name`; ValueError if there are none."""
    block = re.compile(rf"(<!-- results:{re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not block.search(readme):
        raise ValueError(f"README.md: no block <!-- results:{name} --> ... <!-- end -->: add it")
    return block.sub(lambda match: f"{match[1]}\n{table.strip()}\n\n{match[2]}", readme)


def main(name: str) -> None:
    """Copy the results, then write the README."""
    readme = ROOT / "README.md"
    if name in PROTOCOLS:
        for source in sorted((ROOT / PROTOCOLS[name]).glob(f"{name}.*")):
            shutil.copy2(source, ROOT / "docs/results" / source.name)
        if f"<!-- results:{name} -->" not in readme.read_text():
            return
    else:
        copy_comparison(name)
    readme.write_text(embed(readme.read_text(), name, (ROOT / "docs/results" / f"{name}.md").read_text()))


def copy_comparison(name: str) -> None:
    """Copy the tables of the pipeline's comparison."""
    for source, suffix in KEPT.items():
        shutil.copy2(ROOT / "reports" / source, ROOT / "docs/results" / f"{name}{suffix}")
    if name == "default":
        shutil.copy2(ROOT / "reports/comparison.png", ROOT / "docs/comparison.png")


if __name__ == "__main__":
    main(sys.argv[1])
