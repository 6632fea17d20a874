"""Loads templates of pages, and the script that draws their charts."""

import re
from functools import cache

import jinja2
from markupsafe import Markup, escape

CODE = re.compile("`([^`]+)`")


@cache
def library() -> Markup:
    """Return Vega, Vega-Lite and vegaEmbed as one script; cached, since bundling takes about two seconds."""
    import vl_convert

    return Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


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
