"""Remove secrets from text; messages, logs, tags and pages all use this function."""

import re
from pathlib import PurePath

ADDRESS = re.compile(r"(?<=://)\S+")
USER_INFO = re.compile(r"^[^/?#]*@|^[^:/?#]*:[^@]*@")
"""User name and password, by RFC 3986; or by SQLAlchemy, which takes a password with any character but `@`."""
QUERY = re.compile(r"[?#]\S+")
VALUE = re.compile(r"=[^&;#\s]*")


def redact(text: str) -> str:
    """Return a text without the secrets in its addresses: user name and password, and all values of a query.

    All values, since no list of names (password, token, sig, ...) is complete; also of the part after the host alone,
    which libraries print. RFC 3986, section 3, has the parts of an address. Text without addresses stays as it is.
    """
    text = ADDRESS.sub(lambda found: USER_INFO.sub("", found[0]), text)
    return QUERY.sub(lambda found: VALUE.sub("=***", found[0]), text)


def shown_path(path: str) -> str:
    """Return a path that is safe to publish, without the private location and owner of its folder."""
    return PurePath(path).name if PurePath(path).is_absolute() else path
