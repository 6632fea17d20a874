"""Loads templates of pages, and the script that draws their charts."""

import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from regbench.engine.store import Store
from regbench.files import digest
from regbench.layout import STORE

CODE = re.compile("`([^`]+)`")
SCRIPTS = "scripts"
"""Kind of the store's entries."""
ENTRY_POINT = "window.vegaEmbed = vegaEmbed;"
"""What the bundled script does."""


@cache
def library(folder: Path = STORE) -> Markup:
    """Return Vega, Vega-Lite and vegaEmbed as one script.

    The store in `folder` keeps it, since bundling takes about two seconds.
    """
    store, name = Store(folder), digest([version("vl-convert-python"), ENTRY_POINT])
    if store.find(SCRIPTS, name) is None:
        import vl_convert

        with store.write(SCRIPTS, name) as entry:
            (entry / "bundle.js").write_bytes(vl_convert.javascript_bundle(ENTRY_POINT).encode())
    return Markup((store.place(SCRIPTS, name) / "bundle.js").read_bytes().decode())


@cache
def template(name: str) -> jinja2.Template:
    """Return a template of this package, which escapes all values; its filter `code` is `mark_code`."""
    loader = jinja2.PackageLoader("regbench.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["code"] = mark_code
    return environment.get_template(name)


def mark_code(sentence: str) -> Markup:
    """Return a sentence of Markdown as HTML: escaped, with text in backquotes as code.

    >>> print(mark_code("`train.calibration` is < 2"))
    <code>train.calibration</code> is &lt; 2
    """
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(sentence))))
