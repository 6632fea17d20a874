"""Text of messages and reports: shortens long lists, and escapes what Markdown would interpret."""

import re
from collections.abc import Sequence

MAX_LISTED = 20
"""Problems printed at most; the others are counted."""
MAX_NAMED = 8
"""Columns that a message names at most."""


def name_columns(columns: Sequence[str]) -> str:
    """Return the names of columns for a message, the first `MAX_NAMED` of them and a count of the others."""
    more = f", ... and {len(columns) - MAX_NAMED} more" if len(columns) > MAX_NAMED else ""
    return ", ".join(columns[:MAX_NAMED]) + more


def join_lines(lines: Sequence[str]) -> str:
    """Join lines, the first `MAX_LISTED` of them and a count of the others."""
    more = [f"... and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    return "\n".join([*lines[:MAX_LISTED], *more])


def escape_markdown(text: str) -> str:
    """Return text that neither ends a cell of a Markdown table nor begins an element of HTML."""
    return re.sub(r"[|<]", r"\\\g<0>", text)
