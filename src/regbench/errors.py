"""What can go wrong and the exit code of each: a stage prints the message in one line and exits with the code."""


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


class IntegrityError(RegbenchError):
    """A file whose content is not what its record says."""

    exit_code = 6


class RejectedDataError(RegbenchError):
    """New data that the scheduled job leaves alone: ingest refuses them, or they drifted too far (EX_DATAERR)."""

    exit_code = 65


class BusyError(RegbenchError):
    """Another scheduled job is under way: try again later (EX_TEMPFAIL)."""

    exit_code = 75
