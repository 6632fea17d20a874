"""Exceptions and their exit codes. A stage prints the message in one line and exits with the code."""

import errno
import os
import re
from typing import Self

CURES = {
    errno.ENOSPC: "free space on its disk (`regbench clean` deletes stored trainings), then run the same command again",
    errno.EDQUOT: "free space within the quota, then run the same command again",
    errno.EFBIG: "raise the limit of a file's size (ulimit -f), then run the same command again",
    errno.EROFS: "mount its file system for writing, or work in another folder",
    errno.EACCES: "give this user access to it",
    errno.EPERM: "give this user access to it",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "the disk failed: copy what can be read to another one",
    errno.ENOENT: "restore it, or run `make repro`",
}
"""Number of an operating system's error -> what to do about it."""


CONTROL = re.compile(r"[^\n -~\xa0-\U0010ffff]|[\u2028\u2029]")
"""Characters that move a terminal's cursor, change its colours, or break a line invisibly."""
LONGEST_REASON = 200
"""Maximum length of a library's message, characters."""


class RegbenchError(Exception):
    """Base of every failure that is explained to the user without a traceback.

    The message names the dotted key, or the file and row, then the value, the rule and the cure. Several problems
    found together are several lines. Control characters, which names and cells of other people's data may hold, are
    escaped, so that a message does nothing to a terminal or a log.
    """

    exit_code = 1

    def __str__(self) -> str:
        return escape_controls(super().__str__())


class WorkerDiedError(RegbenchError):
    """A worker process that was killed from outside, for instance when memory ran out."""


class InputError(RegbenchError):
    """A parameter, file or row that breaks a rule."""

    exit_code = 2


class DivergedError(RegbenchError):
    """A training whose loss is no longer a finite number."""

    exit_code = 3


class TrackingError(RegbenchError):
    """A tracking store that cannot be used."""

    exit_code = 4


class StorageError(RegbenchError):
    """A file that the operating system does not let this program read or write."""

    exit_code = 4

    @classmethod
    def of(cls, error: OSError, path: object = None) -> Self:
        """Return what an error of the operating system means for `path`, or for the file that it names."""
        # NumPy says only how many bytes of an array it wrote, without a number.
        number = errno.ENOSPC if error.errno is None else error.errno
        place = path or error.filename2 or error.filename or "a file"
        cure = CURES.get(number, "correct it, then run the same command again")
        return cls(f"{place}: {error.strerror or os.strerror(number)}: {cure}")


class IntegrityError(RegbenchError):
    """A file whose content is not what its record says."""

    exit_code = 6


class RejectedDataError(RegbenchError):
    """New data that the scheduled job does not use: ingest rejects them, or they drifted too far (EX_DATAERR)."""

    exit_code = 65


class BusyError(RegbenchError):
    """Another scheduled job is running: try again later (EX_TEMPFAIL)."""

    exit_code = 75


def escape_controls(text: str) -> str:
    """Return a text with its control characters, apart from line breaks, as Python writes them in a literal."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def reason_of(error: BaseException) -> str:
    """Return a library exception's message in one short line; the type's name if the message is empty."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 3]}..."
