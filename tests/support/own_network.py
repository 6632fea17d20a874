"""The network of docs/own-network.md, in the folder `networks` of a project."""

from pathlib import Path

from support.small_study import ROOT

NETWORK = "networks.wide:wide"
EXAMPLE = (ROOT / "docs/own-network.md").read_text().partition("```python\n")[2].partition("```")[0]


def write_own(project: Path, code: str = EXAMPLE, name: str = "wide") -> Path:
    """Write a module of a project's folder `networks`, and return its file."""
    file = project / f"networks/{name}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(code)
    return file
