"""The sentences of a Markdown page, without its code, tables' rules and addresses."""

import re
from collections.abc import Iterator

FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
CODE = re.compile(r"`[^`]*`")
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*|#>]|\d+\. ))|\|")
"""What ends a sentence besides its full stop: an empty line, a new item, heading or row, and the edge of a cell."""
END = re.compile(r"(?<=[.!?])(?<!al\.)(?<!e\.g\.)[\"')*]*\s+")


def sentences(page: str) -> Iterator[str]:
    """Yield the sentences of a page; what stands in back quotes counts as one word.

    >>> list(sentences("# Title: `a b`. One, and two. | a | b |"))
    ['Title: CODE.', 'One, and two.', 'a', 'b']
    """
    text = COMMENT.sub("", FENCE.sub("", page))
    text = CODE.sub("CODE", LINK.sub(r"\1", text))
    for block in BLOCK.split(text):
        for sentence in END.split(" ".join(block.split())):
            if stripped := sentence.strip("#-*> "):
                yield stripped
