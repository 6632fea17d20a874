"""What can go wrong and the exit code of each: a stage prints the message in one line and exits with the code."""

import errno
import os
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


class RegbenchError(Exception):
    """Base of every failure that is explained to the user without a traceback.

    The message names the dotted key, or the file and row, then the value, the rule and the cure. Several problems
    found together are several lines.
    """

    exit_code = 1


class WorkerDiedError(RegbenchError):
    """A worker process that was killed from outside, for instance for want of memory."""


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
    """New data that the scheduled job leaves alone: ingest refuses them, or they drifted too far (EX_DATAERR)."""

    exit_code = 65


class BusyError(RegbenchError):
    """Another scheduled job is under way: try again later (EX_TEMPFAIL)."""

    exit_code = 75
